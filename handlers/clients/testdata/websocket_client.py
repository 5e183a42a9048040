"""A client with the library websocket-client (pip install websocket-client; Debian: python3-websocket).

    CREDENTIAL=<jwt, or ticket> python3 websocket_client.py header|subprotocol|ticket|query ws://127.0.0.1:8080/ws/lobby
"""
import os
import sys
import urllib.error
import urllib.request

import websocket

way, url = sys.argv[1:]
credential = os.environ["CREDENTIAL"]
# By default the library sends an Origin, as a browser does, made up from the URL. The server compares it with its own.
options = {"suppress_origin": True, "header": []}

if way == "header":
    options["header"] = ["Authorization: Bearer " + credential]
elif way == "subprotocol":
    options["subprotocols"] = ["handshake.v1", "bearer." + credential]
elif way == "ticket":
    url += "?ticket=" + credential
elif way == "query":
    url += "?access_token=" + credential

try:
    ws = websocket.create_connection(url, **options)
except websocket.WebSocketBadStatusException as refused:
    print("refused:", refused)
    # Not every version of the library keeps the body. The same URL without Upgrade answers the same error.
    headers = {} if "?" in url else {"Authorization": "Bearer " + credential}
    try:
        urllib.request.urlopen(urllib.request.Request(url.replace("ws", "http", 1), headers=headers))
    except urllib.error.HTTPError as error:
        print(error.read().decode())
    sys.exit(1)

while True:
    # recv() would answer the end with an empty string; recv_data() has the code and the reason.
    opcode, data = ws.recv_data()
    if opcode == websocket.ABNF.OPCODE_CLOSE:
        print("ended:", int.from_bytes(data[:2], "big"), data[2:].decode())
        break
    print(data.decode(), flush=True)
