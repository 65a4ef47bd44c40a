# The demo, and a user of it. Elsewhere: your doors, the CA of their certificates, your login ID.
PUBLIC=${PUBLIC:-https://localhost:8442} CERTIFICATE=${CERTIFICATE:-https://localhost:8443}
CA=${CA:-certs/demo/root-ca.pem} USER_ID=${USER_ID:-user07} PASSWORD=${PASSWORD:-sekisho-demo}
set -eu

# What comes back: base64 of a PKCS #7 message that holds certificates only.
certificates() { openssl base64 -d | openssl pkcs7 -inform DER -print_certs; }

# The CA that issues, and those above it.
curl -sSf --cacert "$CA" "$PUBLIC/.well-known/est/cacerts" | certificates > cacerts.pem

# 発行: a key that stays here, a request for it, and the login password (or a one-time code) as proof.
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out first.key
openssl req -new -key first.key -subj "/CN=$USER_ID" -outform DER | openssl base64 > first.b64
curl -sSf --cacert "$CA" --user "$USER_ID:$PASSWORD" -H 'Content-Type: application/pkcs10' \
  --data-binary @first.b64 "$PUBLIC/.well-known/est/simpleenroll" | certificates > first.pem
openssl verify -CAfile cacerts.pem first.pem

# An answer that was lost: the same key gives the same certificate.
curl -sSf --cacert "$CA" --user "$USER_ID:$PASSWORD" -H 'Content-Type: application/pkcs10' \
  --data-binary @first.b64 "$PUBLIC/.well-known/est/simpleenroll" | certificates | cmp - first.pem

# 更新: a new key, a request with the names of the old certificate, and the old certificate as proof.
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out second.key
openssl x509 -in first.pem -x509toreq -signkey second.key -copy_extensions copy 2> /dev/null |
  openssl req -outform DER | openssl base64 > second.b64
curl -sSf --cacert "$CA" --cert first.pem --key first.key -H 'Content-Type: application/pkcs10' \
  --data-binary @second.b64 "$CERTIFICATE/.well-known/est/simplereenroll" | certificates > second.pem
openssl verify -CAfile cacerts.pem second.pem
openssl x509 -in second.pem -noout -subject -serial -enddate
