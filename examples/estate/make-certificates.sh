#!/bin/sh
# Makes the test certificates that the manifests here refer to, into certs/ beside this script:
# an authority, and what it signs for the HTTPS listeners. Needs openssl.
set -eu
cd "$(dirname "$0")"
mkdir -p certs
cd certs
umask 077

# openssl is talkative; what it said matters only when it fails.
quietly() { "$@" 2>openssl.log || { cat openssl.log >&2; exit 1; }; }
new() { quietly openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "$@"; }

new -x509 -days 365 -subj "/CN=test authority" -keyout authority.key -out authority.crt

# sign NAME HOST...: NAME.crt and NAME.key for these hosts.
sign() {
  name=$1
  shift
  printf 'subjectAltName=%s\n' "$(printf 'DNS:%s,' "$@" | sed 's/,$//')" >"$name.ext"
  new -subj "/CN=$1" -keyout "$name.key" -out "$name.csr"
  quietly openssl x509 -req -in "$name.csr" -days 365 -CA authority.crt -CAkey authority.key \
    -CAcreateserial -extfile "$name.ext" -out "$name.crt"
  rm "$name.csr" "$name.ext"
}

sign example-org example.org shop.example.org api.example.org
sign tenants '*.tenants.example.org'
cat tenants.crt tenants.key >tenants.pem
rm tenants.crt tenants.key openssl.log
