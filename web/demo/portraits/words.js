/** What the page says where the server does not take a picture. Pure. */

/** @typedef {import("../../client/errors.js").LiveHeadError} LiveHeadError */

/**
 * The error's own words; some errors mean something else here than in a call.
 *
 * @param {LiveHeadError} error
 * @returns {{title: string, remedy: string}}
 */
export function uploadWords(error) {
  if (error.code === "role") return { title: "A token is not enough for this", remedy: error.detail };
  if (error.code === "server-full") return { title: "Too many pictures at once", remedy: "Others are sending theirs. Try again in a moment." };
  if (error.code === "say-unavailable") return { title: "This server takes no portraits", remedy: error.detail };
  if (error.code === "refused") return { title: "The picture was refused", remedy: error.detail || error.remedy };
  return { title: error.title, remedy: error.remedy };
}
