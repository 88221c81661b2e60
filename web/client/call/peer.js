/** For who asks, or how often. */
const REFUSALS = new Set([401, 403, 429]);

/**
 * @param {import("../server.js").Server} server
 * @returns {Promise<RTCIceServer[]>} none when they cannot be had: on one network it works without
 */
export async function iceServers(server) {
  return server.iceServers().catch((error) => {
    if (REFUSALS.has(error.status)) throw error; // the offer would meet the same
    return [];
  });
}

/**
 * A peer connection that receives video and audio, and sends audio if there is any.
 *
 * @param {RTCIceServer[]} servers
 * @param {MediaStreamTrack | undefined} track
 * @param {(stream: MediaStream) => void} received told of each track that comes, all of them in one stream
 * @returns {{peer: RTCPeerConnection, sender: RTCRtpSender}}
 */
export function connect(servers, track, received) {
  const peer = new RTCPeerConnection({ iceServers: servers, bundlePolicy: "max-bundle" });
  // The voice is always negotiated, so that it can be switched on and off without a new call.
  const audio = peer.addTransceiver(track ?? "audio", { direction: track ? "sendrecv" : "recvonly" });
  const video = peer.addTransceiver("video", { direction: "recvonly" });
  for (const { receiver } of [audio, video]) {
    // Ask for the smallest buffer there is. The names differ between browsers and versions.
    if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
    if ("playoutDelayHint" in receiver) receiver.playoutDelayHint = 0;
  }
  const stream = new MediaStream();
  peer.ontrack = ({ track: incoming }) => {
    stream.addTrack(incoming);
    received(stream);
  };
  return { peer, sender: audio.sender };
}
