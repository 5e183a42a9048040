#!/bin/sh
# A client with the program wscat (npm install --global wscat).
#
#     CREDENTIAL=<jwt, or ticket> sh wscat.sh header|subprotocol|ticket|query ws://127.0.0.1:8080/ws/lobby
#
# wscat takes the credential as an argument, so whoever may list this machine's processes sees it.
way=$1 url=$2

case $way in
header) set -- --header "Authorization: Bearer $CREDENTIAL" ;;
subprotocol) set -- --subprotocol handshake.v1 --subprotocol "bearer.$CREDENTIAL" ;;
ticket) url="$url?ticket=$CREDENTIAL" && set -- ;;
query) url="$url?access_token=$CREDENTIAL" && set -- ;;
esac

wscat --no-color --connect "$url" "$@" && exit

# It shows the status alone. The same URL without Upgrade answers the error that the handshake got.
case $url in
*\?*) curl --silent "http${url#ws}" ;;
*) printf 'Authorization: Bearer %s' "$CREDENTIAL" | curl --silent --header @- "http${url#ws}" ;;
esac
exit 1
