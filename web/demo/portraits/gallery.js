import { box } from "./page.js";

/**
 * The portraits to choose from, as radio buttons with images.
 *
 * @param {import("../client/protocol.js").Avatar[]} avatars
 * @param {string} chosen id
 * @param {(avatar: import("../client/protocol.js").Avatar) => void} choose
 */
export function showPortraits(avatars, chosen, choose) {
  box("faces").replaceChildren(
    ...avatars.map((avatar) => {
      const label = document.createElement("label");
      const input = document.createElement("input");
      input.type = "radio";
      input.name = "avatar";
      input.value = avatar.id;
      input.checked = avatar.id === chosen;
      input.addEventListener("change", () => choose(avatar));
      const image = new Image();
      image.src = avatar.image;
      image.alt = "";
      image.width = image.height = 96;
      const name = document.createElement("span");
      name.textContent = avatar.name;
      label.append(input, image, name);
      return label;
    }),
  );
}
