/** Opens a session, shows where OBS finds it, and lets its portrait speak. The page may be closed and opened again. */
const live = document.querySelector("live-head");
const form = document.querySelector("form");
const status = document.querySelector("#status");
const server = live.getAttribute("src");
const look = new URLSearchParams(location.search).get("look") ?? "transparent";

/** The session of before, or a new one. */
async function session() {
  const before = new URLSearchParams(location.hash.slice(1));
  if (before.has("session")) return before;
  const answer = await fetch(`${server}/v1/sessions`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ look: { background: look } }),
  });
  const created = await answer.json();
  if (!answer.ok) throw new Error(created.detail);
  const opened = new URLSearchParams({ session: created.session, token: created.token, look });
  history.replaceState(null, "", `#${opened}`);
  return opened;
}

try {
  const opened = await session();
  for (const [name, value] of opened) live.setAttribute(name, value);
  // After the hash, so that the token is in no log of the web server.
  document.querySelector("#overlay").value = new URL(`overlay.html#${opened}`, location.href);
  document.querySelector("#whep").value = `${server}/whep/${opened.get("session")}`;
  await live.start();
} catch (error) {
  status.textContent = error.message;
}

live.addEventListener("statechange", ({ detail }) => {
  // The next page opens a new one.
  if (detail.reason === "ended" || detail.reason === "session-unknown") history.replaceState(null, "", "#");
});

async function say(what) {
  status.textContent = "";
  await live.say(what).catch((error) => (status.textContent = error.message));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (form.text.value) void say(form.text.value);
  form.text.value = "";
});
form.file.addEventListener("change", () => form.file.files.length && void say(form.file.files[0]));
