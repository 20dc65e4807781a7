#!/bin/sh
# Makes what a Redis, its agents and its laptops need to trust one another:
#
#   sh deploy/credentials.sh FOLDER HOST...
#
# Each HOST is a name or an address of the Redis; agents use the first, all others the last. FOLDER gets
#
#   redis/                  for /etc/elsewhere/redis: its certificate and key, and its users, with
#                           hashes of their passwords, from users.acl.example
#   agent/ laptop/ reader/  for the ELSEWHERE_HOME of each, ~/.elsewhere: a config.toml with the URL
#                           and the password in it, and ca.pem
#   ca.pem, ca-key.pem      the authority that signs; its key need not lie on any of the machines
#
# What is there is kept. Remove redis/certificate.pem and call it again for a new certificate, for
# other HOSTs and within two years; remove redis/users.acl for new passwords.
set -eu
umask 077

here=$(dirname "$0")
if [ $# -lt 2 ]; then
    echo "Usage: sh $0 FOLDER HOST..." >&2
    exit 2
fi
folder=$1
shift
mkdir -p "$folder/redis" "$folder/agent" "$folder/laptop" "$folder/reader"

new_key() { # new_key FILE
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1"
}

if [ ! -e "$folder/ca.pem" ]; then
    new_key "$folder/ca-key.pem"
    openssl req -x509 -new -key "$folder/ca-key.pem" -days 3650 -subj "/CN=Elsewhere" \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign \
        -out "$folder/ca.pem"
fi
for one in redis agent laptop reader; do
    cp "$folder/ca.pem" "$folder/$one/ca.pem"
done

names=
for host; do
    case $host in
    *:*) names="$names,IP:$host" ;;
    *[!0-9.]*) names="$names,DNS:$host" ;;
    *) names="$names,IP:$host" ;;
    esac
    last=$host
done
first=$1

host_of() { # host_of USER: where that finds the Redis
    host=$last
    [ "$1" != agent ] || host=$first
    case $host in *:*) host="[$host]" ;; esac
    echo "$host"
}

if [ ! -e "$folder/redis/certificate.pem" ]; then
    new_key "$folder/redis/key.pem"
    openssl req -x509 -new -key "$folder/redis/key.pem" -days 730 -subj "/CN=Redis" \
        -CA "$folder/ca.pem" -CAkey "$folder/ca-key.pem" -addext "subjectAltName=${names#,}" \
        -addext basicConstraints=critical,CA:FALSE -addext extendedKeyUsage=serverAuth \
        -out "$folder/redis/certificate.pem.new"
    mv "$folder/redis/certificate.pem.new" "$folder/redis/certificate.pem"
    for user in agent laptop reader; do # which are known already
        config=$folder/$user/config.toml
        host=$(host_of "$user")
        [ ! -e "$config" ] || sed -i "s#^\(redis_url *= *\"rediss://[^@]*@\).*\(:[0-9]*/\)#\1$host\2#" "$config"
    done
fi

if [ ! -e "$folder/redis/users.acl" ]; then
    users=$(cat "$here/users.acl.example")
    for user in agent laptop reader; do
        host=$(host_of "$user")
        password=$(openssl rand -hex 32)
        hash=$(printf %s "$password" | openssl dgst -sha256 -r | cut -d " " -f 1)
        users=$(echo "$users" | sed "s/SHA256_OF_$user/$hash/")
        config=$folder/$user/config.toml
        {
            echo "redis_url = \"rediss://$user:$password@$host:6379/0?ssl_ca_certs=ca.pem\""
            [ ! -e "$config" ] || grep -v "^redis_url *=" "$config" || true
        } >"$config.new"
        mv "$config.new" "$config"
    done
    echo "$users" >"$folder/redis/users.acl.new"
    mv "$folder/redis/users.acl.new" "$folder/redis/users.acl"
fi
