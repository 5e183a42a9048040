// A client with the library ws (npm install ws).
//
//     CREDENTIAL=<jwt, or ticket> node ws.js header|subprotocol|ticket|query ws://127.0.0.1:8080/ws/lobby

const WebSocket = require("ws");

let [way, url] = process.argv.slice(2);
const credential = process.env.CREDENTIAL;
let protocols = [];
const options = {};

if (way === "header") options.headers = { Authorization: `Bearer ${credential}` };
if (way === "subprotocol") protocols = ["handshake.v1", `bearer.${credential}`];
if (way === "ticket") url += `?ticket=${credential}`;
if (way === "query") url += `?access_token=${credential}`;

const ws = new WebSocket(url, protocols, options);

ws.on("message", (data) => console.log(data.toString()));

ws.on("close", (code, reason) => console.log("ended:", code, reason.toString()));

// Without this listener, all there is is the error "Unexpected server response: 401".
ws.on("unexpected-response", async (request, response) => {
  console.log("refused:", response.statusCode);
  for await (const part of response) console.log(part.toString());
  response.socket.destroy(); // else the connection is kept, and the program with it
  process.exitCode = 1;
});
