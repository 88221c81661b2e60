#!/bin/sh
# Starts coturn with turnserver.conf and what the environment says. Secrets stay out of the command line.
#   TURN_SECRET         the same as LIVEHEAD_TURN_SECRET
#   TURN_REALM          the server's name
#   PUBLIC_ADDRESS      the address that clients use, behind NAT
#   TURN_ALLOWED_PEERS  private addresses that media may be relayed to all the same, with spaces between
set -eu
: "${TURN_SECRET:?set TURN_SECRET}" "${TURN_REALM:?set TURN_REALM}"
umask 077
configuration="$(mktemp)"
{
  cat "$(dirname "$0")/turnserver.conf"
  echo "static-auth-secret=$TURN_SECRET"
  echo "realm=$TURN_REALM"
  [ -z "${PUBLIC_ADDRESS:-}" ] || echo "external-ip=$PUBLIC_ADDRESS"
  for peer in ${TURN_ALLOWED_PEERS:-}; do echo "allowed-peer-ip=$peer"; done
} > "$configuration"
exec turnserver -c "$configuration" "$@"
