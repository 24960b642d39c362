#!/usr/bin/env bash
# Starts one node, with nothing but what Kafka itself publishes. Its image's own start script writes into /opt/kafka,
# and the root file system is read-only. From the environment:
#   BROKER_NODE     its number, 1 to 3
#   BROKER_HOST     the name by which the others and the clients reach it
#   BROKER_VOTERS   who votes on the metadata: number@host:port of every node
#   BROKER_CLUSTER  the cluster's id: 16 bytes in base64
#   BROKER_DATA     where its log lies
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
home=${KAFKA_HOME:-/opt/kafka}
properties=${TMPDIR:-/tmp}/server.properties

cat "$here/server.properties" - > "$properties" <<END
node.id=$BROKER_NODE
controller.quorum.voters=$BROKER_VOTERS
listeners=PLAINTEXT://$BROKER_HOST:9092,CONTROLLER://$BROKER_HOST:9093
advertised.listeners=PLAINTEXT://$BROKER_HOST:9092
log.dirs=$BROKER_DATA
END

# At the first start only. Kafka itself refuses a log of another node or cluster.
if [ ! -e "$BROKER_DATA/meta.properties" ]; then
  "$home/bin/kafka-storage.sh" format --ignore-formatted --cluster-id "$BROKER_CLUSTER" --config "$properties"
fi
exec "$home/bin/kafka-server-start.sh" "$properties"
