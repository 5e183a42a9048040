// A browser's client, to be run on a page of the app's own origin. The constructor takes a URL and subprotocols and
// nothing else, so there is no header here.

async function listen(way, url, credential, show) {
  let protocols = ["handshake.v1"];
  if (way === "subprotocol") protocols = ["handshake.v1", `bearer.${credential}`];
  if (way === "ticket") url += `?ticket=${credential}`;
  if (way === "query") url += `?access_token=${credential}`;

  const ws = new WebSocket(url, protocols);
  let opened = false;
  ws.onopen = () => (opened = true);
  ws.onmessage = ({ data }) => show(data);
  const { code, reason } = await new Promise((resolve) => (ws.onclose = resolve));
  if (opened) return show(`ended: ${code} ${reason}`);

  show(`refused: ${code} ${reason}`); // always 1006, without a reason: a page may not know more
  // The same URL without Upgrade answers the error that the handshake got. fetch can send a header.
  const headers = way === "subprotocol" ? { Authorization: `Bearer ${credential}` } : {};
  const response = await fetch(url.replace("ws", "http"), { headers });
  show(await response.text());
}
