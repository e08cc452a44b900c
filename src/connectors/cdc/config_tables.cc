#include "connectors/cdc/config_tables.h"

#include <string_view>

namespace weir::cdc {

namespace {

struct Known {
  std::string_view name;  // with a dot at its end: all that begin so
  std::string_view word;
};

constexpr Known kWithoutEffect[] = {
    {"tasks.max", "a capture is always one stream"},
    {"plugin.name", "Weir reads pgoutput"},
    {"max.batch.size", "Weir's batches are bounded by bytes"},
    {"max.queue.size", "Weir's batches are bounded by bytes"},
    {"max.queue.size.in.bytes", "Weir's batches are bounded by bytes"},
    {"poll.interval.ms", "Weir does not poll"},
    {"errors.max.retries", "Weir connects again for ever"},
    {"errors.retry.delay.initial.ms", "Weir backs off by itself"},
    {"errors.retry.delay.max.ms", "see slot.retry.delay.ms"},
    {"errors.log.enable", "problems are shown in the status of the capture"},
    {"errors.log.include.messages", "problems are shown in the status of the capture"},
    {"slot.max.retries", "Weir connects again for ever"},
    {"lsn.flush.mode", "the slot follows what is durable in Weir"},
    {"xmin.fetch.interval.ms", "xmin is always null"},
    {"snapshot.isolation.mode", "a snapshot reads in repeatable read"},
    {"snapshot.lock.timeout.ms", "a snapshot takes no locks"},
    {"snapshot.delay.ms", "a snapshot begins at once"},
    {"streaming.delay.ms", "streaming begins at once"},
    {"retriable.restart.connector.wait.ms", "see slot.retry.delay.ms"},
    {"executor.shutdown.timeout.ms", "a capture stops at once"},
    {"topic.creation.", "topics have the broker's defaults; weir topic create makes others first"},
    {"topic.naming.strategy", "Debezium's default names are used"},
    {"topic.cache.size", "there is no such cache"},
    {"topic.heartbeat.skip", "see heartbeat.interval.ms"},
    {"producer.override.", "the capture runs inside the broker"},
    {"admin.override.", "the capture runs inside the broker"},
    {"header.converter", "headers are texts"},
    {"custom.metric.tags", "metrics carry the capture's name"},
    {"notification.", "see the status of the capture"},
    {"signal.enabled.channels", "see weir cdc resnapshot"},
    {"signal.poll.interval.ms", "see weir cdc resnapshot"},
    {"incremental.snapshot.chunk.size",
     "weir cdc resnapshot reads so much as keeps its stream short"},
    {"incremental.snapshot.watermarking.strategy",
     "a table is read again at a point of the log, without watermarks"},
    {"read.only", "a table is read again at a point of the log, without watermarks"},
    {"database.tcpKeepAlive", "connections are always kept alive"},
    {"database.query.timeout.ms", "the connection's own limits hold"},
    {"database.initial.statements", "nothing but the capture's own statements is sent"},
    {"database.server.name", "topic.prefix replaced it"},
    {"schema.refresh.mode", "a table is asked for when the stream announces it"},
    {"schema.history.", "PostgreSQL's stream has no history of schemas"},
    {"event.processing.failure.handling.mode", "a failure stops the capture and is shown"},
    {"exactly.once.support", "always so"},
    {"transaction.boundary", "a transaction is one commit"},
    {"guardrail.", "there is no such limit"},
    {"internal.", "internal to Debezium"},
    {"openlineage.", "there is no such integration"},
};

constexpr Known kRefused[] = {
    {"database.password",
     "a password is not stored; give database.password.file or database.password.env"},
    {"column.mask.", "leave the columns out with column.exclude.list"},
    {"column.truncate.", "leave the columns out with column.exclude.list"},
    {"column.propagate.source.type", "types stand in the schemas by their names"},
    {"datatype.propagate.source.type", "types stand in the schemas by their names"},
    {"converters", "custom converters are Java; choose the handling modes instead"},
    {"post.processors", "post-processors are Java; REPLICA IDENTITY FULL gives whole rows"},
    {"signal.data.collection", "use weir cdc resnapshot"},
    {"field.name.adjustment.mode", "fields keep the names of their columns"},
    {"sanitize.field.names", "fields keep the names of their columns"},
    {"replica.identity.autoset.values", "set it with ALTER TABLE … REPLICA IDENTITY"},
    {"offset.mismatch.strategy", "Weir compares the slot with its own position before it starts"},
    {"snapshot.locking.mode", "a snapshot takes no locks"},
    {"snapshot.query.mode", "snapshot.select.statement.overrides takes a statement"},
    {"snapshot.mode.custom.name", "custom snapshots are Java; choose a snapshot.mode"},
    {"snapshot.mode.configuration.based.", "choose a snapshot.mode"},
    {"database.sslpassword", "give a key without a passphrase"},
    {"database.sslfactory", "TLS is libpq's; see database.sslmode"},
    {"predicates", "name the tables instead"},
    {"schema.name.adjustment.mode.custom", "choose none or avro"},
};

template <size_t kCount>
std::string_view look_up(const Known (&known)[kCount], std::string_view name) {
  for (const Known& one : known) {
    if (one.name.ends_with('.') ? name.starts_with(one.name) : name == one.name) return one.word;
  }
  return {};
}

}  // namespace

std::string_view without_effect(std::string_view name) {
  return look_up(kWithoutEffect, name);
}
std::string_view refused(std::string_view name) {
  return look_up(kRefused, name);
}

}  // namespace weir::cdc
