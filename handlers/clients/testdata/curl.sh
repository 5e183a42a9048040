#!/bin/sh
# The handshake by hand, with curl. It shows the reply's headers, then what the server sends, as the bytes come.
#
#     CREDENTIAL=<jwt, or ticket> sh curl.sh header|subprotocol|ticket|query http://127.0.0.1:8080/ws/lobby
way=$1 url=$2

case $way in
header) header="Authorization: Bearer $CREDENTIAL" ;;
subprotocol) header="Sec-WebSocket-Protocol: handshake.v1, bearer.$CREDENTIAL" ;;
ticket) header= url="$url?ticket=$CREDENTIAL" ;;
query) header= url="$url?access_token=$CREDENTIAL" ;;
esac

# The headers, and the URL that may hold a credential, come by standard input: arguments can be seen by other users.
curl --silent --config - <<end
url = "$url"
header = "$header"
header = "Connection: Upgrade"
header = "Upgrade: websocket"
header = "Sec-WebSocket-Version: 13"
header = "Sec-WebSocket-Key: $(head -c 16 /dev/urandom | base64)"
http1.1
include
no-buffer
output = "-"
end
