// Runs in a frame that sandbox.js makes: sandboxed, so of no origin at all, like any page on another site it is foreign here.
// It opens one WebSocket, as it is told, and tells how that ended.

addEventListener("message", ({ data: { url, protocols } }) => {
  const socket = new WebSocket(url, protocols);
  socket.onopen = () => socket.close(1000, "bye");
  socket.onclose = ({ code, reason }) => parent.postMessage({ origin: self.origin, code, reason }, "*");
}, { once: true });
parent.postMessage("ready", "*");
