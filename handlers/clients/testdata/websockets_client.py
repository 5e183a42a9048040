"""A client with the library websockets (pip install websockets; Debian: python3-websockets).

    CREDENTIAL=<jwt, or ticket> python3 websockets_client.py header|subprotocol|ticket|query ws://127.0.0.1:8080/ws/lobby
"""
import asyncio
import os
import sys
import urllib.error
import urllib.request

import websockets

way, url = sys.argv[1:]
credential = os.environ["CREDENTIAL"]
options = {}

if way == "header":
    version = int(websockets.__version__.split(".")[0])
    name = "additional_headers" if version >= 14 else "extra_headers"
    options[name] = {"Authorization": "Bearer " + credential}
elif way == "subprotocol":
    options["subprotocols"] = ["handshake.v1", "bearer." + credential]
elif way == "ticket":
    url += "?ticket=" + credential
elif way == "query":
    url += "?access_token=" + credential


async def main():
    try:
        async with websockets.connect(url, **options) as ws:
            while True:
                print(await ws.recv(), flush=True)
    except websockets.ConnectionClosed as end:
        print("ended:", end.code, end.reason)
        print(end)


try:
    asyncio.run(main())
except websockets.InvalidHandshake as refused:
    print("refused:", refused)
    # The same URL without Upgrade answers the error that the handshake got.
    headers = {} if "?" in url else {"Authorization": "Bearer " + credential}
    try:
        urllib.request.urlopen(urllib.request.Request(url.replace("ws", "http", 1), headers=headers))
    except urllib.error.HTTPError as error:
        print(error.read().decode())
    sys.exit(1)
