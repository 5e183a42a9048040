// The same handshake from programs that can set a header, and what this browser says to it.

import { currentSession, handshakeURL } from "./client/index.js";
import { $, element } from "./dom.js";
import { run } from "./lane_runner.js";
import { sourceOf } from "./lane_view.js";
import { WAYS } from "./lanes.js";

const ROOM = "lobby";

const SNIPPETS = {
  python: {
    needs: "It needs websocket-client: Debian’s package python3-websocket, or in a venv pip install websocket-client.",
    text: (url, token) => `from websocket import create_connection

token = "${token}"
socket = create_connection(
    "${url}",
    header=["Authorization: Bearer " + token],
    suppress_origin=True,
)
print(socket.recv())
socket.close()
`,
  },
  node: {
    needs: "It needs Node 22 or later. Before that: npm install ws, and const WebSocket = require(\"ws\") on top.",
    text: (url, token) => `const token = "${token}";
const socket = new WebSocket("${url}", {
  headers: { Authorization: "Bearer " + token },
});
socket.onmessage = ({ data }) => {
  console.log(data);
  socket.close();
};
`,
  },
  go: {
    needs: "It needs, in a new folder: go mod init try && go get github.com/gorilla/websocket.",
    text: (url, token) => `package main

import (
	"fmt"
	"log"
	"net/http"

	"github.com/gorilla/websocket"
)

const token = "${token}"

func main() {
	header := http.Header{"Authorization": {"Bearer " + token}}
	socket, _, err := websocket.DefaultDialer.Dial("${url}", header)
	if err != nil {
		log.Fatal(err)
	}
	defer socket.Close()
	_, welcome, err := socket.ReadMessage()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(welcome))
}
`,
  },
  curl: {
    needs: "It shows the 101 and the first frame, and ends after 2 seconds.",
    text: (url, token) => `curl --include --no-buffer --http1.1 --max-time 2 --output - \\
  --header "Authorization: Bearer ${token}" \\
  --header "Connection: Upgrade" --header "Upgrade: websocket" \\
  --header "Sec-WebSocket-Version: 13" \\
  --header "Sec-WebSocket-Key: SGFuZHNoYWtlIGRlbW8hIQ==" \\
  "${url.replace(/^ws/, "http")}"
`,
  },
};

const header = WAYS.find(({ id }) => id === "header");
let revealed = false;

$("try-code").textContent = sourceOf(header.open);
$("try").addEventListener("click", async () => {
  const { exception, verdict } = await run(header);
  const said = exception ? `${exception.name}: ${exception.message}` : verdict;
  $("try-out").replaceChildren(element("p", "Your browser says:"), element("code", said));
});
$("languages").addEventListener("change", updateSnippet);
$("reveal").addEventListener("click", () => {
  revealed = !revealed;
  updateSnippet();
});
$("copy").addEventListener("click", copy);

/** Called when somebody has logged in or out, and when the token is a fresh one. */
export function updateSnippet() {
  const session = currentSession();
  revealed &&= session !== null;
  $("reveal").disabled = !session;
  $("reveal").setAttribute("aria-pressed", String(revealed));
  $("reveal").textContent = revealed ? "Hide my token" : "Show my token";
  $("copy").textContent = session ? "Copy with my token" : "Copy";
  $("snippet").textContent = text(revealed);
  $("snippet-needs").textContent = SNIPPETS[language()].needs;
  $("copied").textContent = "";
}

const language = () => document.querySelector("[name=language]:checked").value;

function text(withToken) {
  const { token } = currentSession() ?? {};
  return SNIPPETS[language()].text(handshakeURL(ROOM).href, (withToken && token) || "<your token>");
}

async function copy() {
  try {
    await navigator.clipboard.writeText(text(true));
    $("copied").textContent = currentSession() ? "Copied, with your token in it." : "Copied. Put a token in its place.";
  } catch { // plain http has no clipboard, except on localhost
    revealed = currentSession() !== null;
    updateSnippet();
    getSelection().selectAllChildren($("snippet"));
    $("copied").textContent = "This browser lets no script copy here. It is selected: copy it by hand.";
  }
}
