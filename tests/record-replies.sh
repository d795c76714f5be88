#!/bin/bash
# Records what real HAProxy processes answer, into tests/replies/<version>/<name>.txt, for the
# codecs of src/haproxy/reply. Usage: tests/record-replies.sh DIR, where DIR/<version>/haproxy is a
# binary. Needs bash and openssl.
set -eu
binaries=${1:?usage: tests/record-replies.sh DIR}
replies=$(cd "$(dirname "$0")" && pwd)/replies
work=/tmp/gw-record
rm -rf "$work" && mkdir -p "$work/maps"
cd "$work"

openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 9999 -set_serial 77 \
    -subj '/O=Two words, > and more/CN=a.example' -addext 'subjectAltName=DNS:a.example,DNS:*.a.example' \
    2>/dev/null
cat cert.pem key.pem >site.pem
printf 'site.pem [alpn h2,http/1.1] a.example *.a.example\n' >list.txt
printf 'a.example alpha\nb.example two words\nb.example again\n> odd\n+ odd too\n' >maps/hosts.map
: >maps/empty.map

write_config() { # $1: what stands at the end
    cat >haproxy.cfg <<END
global
    stats socket ipv4@127.0.0.1:29901 level admin
    set-var proc.gw_structure str(0123456789abcdef)
    set-var proc.gw_number int(7)
    node lab-1
    description "quoted > text"
    nbthread 2
defaults base
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 30s
frontend web
    bind 127.0.0.1:29903
    bind 127.0.0.1:29904 ssl crt-list $work/list.txt
    use_backend %[req.hdr(host),map($work/maps/hosts.map)]
    use_backend %[path,map_beg($work/maps/empty.map)]
backend api
    option httpchk
    cookie SRV insert indirect nocache
    server up 127.0.0.1:29902 weight 10 maxconn 50 cookie c-up check inter 100ms rise 2 fall 3
    server down 127.0.0.1:29909 weight 20 check inter 100ms fall 1 backup
    server six [::1]:29906 ssl verify none
    server sock unix@$work/nobody.sock
    server off 127.0.0.3:29903 disabled
    server lost nosuch.invalid:80 init-addr none
    server hands 127.0.0.4:29904
    server drained 127.0.0.5:29905
backend shop.api
    balance source
    server a 127.0.0.1:29910 weight 0
backend void
frontend origin
    bind 127.0.0.1:29902
    http-request return status 200
$1
END
}

ask() { # $1: port, $2: command
    exec 3<>"/dev/tcp/127.0.0.1/$1"
    printf '%s\n' "$2" >&3
    timeout "${3:-1}" cat <&3 || true
    exec 3>&-
}

record() { # $1: name, $2: command
    ask 29901 "$2" >"$out/$1.txt"
}

# A whole interactive session, prompts included, for the tests of framing. $1: port, $2: prefix that
# routes through a master, $3: a sentinel as src/haproxy/framing.rs would send it.
session() {
    local map=$work/maps/empty.map
    printf -v lines '%s\n' prompt "$2set server api/up weight 10" "$2show map $work/maps/hosts.map" "$2$3" \
        "$2del server api/nosuch" "$2add map $map <<" 'k v w' 'k2 > ' '' "$2show map $map" "$2$3" \
        "$2clear map $map" "$2add map nosuch <<" 'k v' '' "$2show info" "$2$3" "$2$3"
    ask "$1" "${lines%$'\n'}"
}

for binary in "$binaries"/*/haproxy; do
    version=$(basename "$(dirname "$binary")")
    out=$replies/$version
    mkdir -p "$out"
    write_config ''
    "$binary" -v >"$out/v.txt"
    "$binary" -W -S ipv4@127.0.0.1:29900 -f haproxy.cfg >log 2>&1 </dev/null &
    master=$!
    trap 'kill $master' EXIT
    until grep -q 'Loading success' log; do
        grep -q Fatal log && cat log && exit 1
        sleep 0.1
    done
    sleep 1
    ask 29901 'set server api/hands state maint'
    ask 29901 'set server api/drained state drain'
    ask 29901 'set server api/six weight 5'
    ask 29901 'add server api/late 127.0.0.9:29909 check'
    record info 'show info'
    record servers-state 'show servers state'
    record servers-state-void 'show servers state void'
    record servers-state-missing 'show servers state nosuch'
    record stat-api 'show stat api 6 -1'
    record stat-missing 'show stat nosuch 6 -1'
    record stat-backends 'show stat -1 2 -1'
    record map-hosts "show map $work/maps/hosts.map"
    record map-get "get map $work/maps/hosts.map b.example"
    record map-get-missing "get map $work/maps/hosts.map nosuch"
    record map-empty "show map $work/maps/empty.map"
    record backend 'show backend'
    record var 'get var proc.gw_structure'
    record var-number 'get var proc.gw_number'
    record var-missing 'get var proc.gw_nothing'
    record certs 'show ssl cert'
    record cert 'show ssl cert site.pem'
    record cert-missing 'show ssl cert nosuch.pem'
    record unknown 'bogus command'

    case $version in
    2.6) sentinel='commit ssl cert gw-0000000000000abc' ;;
    2.8 | 3.0) sentinel='trace gw-0000000000000abc' ;;
    *) sentinel='echo gw-0000000000000abc' ;;
    esac
    session 29901 '' "$sentinel" >"$out/session.txt"
    session 29900 '@1 ' "$sentinel" >"$out/session-master.txt"

    ask 29900 'show proc' >"$out/proc.txt"
    # A client that says no more holds on to the worker through a reload.
    exec 5<>/dev/tcp/127.0.0.1/29903
    printf 'GET / HTTP/1.1\r\n' >&5
    sleep 0.2
    ask 29900 'reload' 3 >"$out/reload.txt"
    sleep 1
    ask 29900 'show proc' >"$out/proc-reloaded.txt"
    write_config 'backend broken
    server x'
    ask 29900 'reload' 3 >"$out/reload-failed.txt"
    sleep 1
    ask 29900 'show proc' >"$out/proc-failed.txt"
    exec 5>&-
    "$binary" -c -f haproxy.cfg >"$out/check-failed.txt" 2>&1 || true
    kill $master
    wait $master || true
    trap - EXIT
done
