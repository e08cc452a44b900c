#include "broker/redrive.h"

#include <charconv>
#include <vector>

namespace weir::broker {

bool is_of_its_past(ByteView header) {
  return header == kHeaderMessageId || header == kHeaderSent || header == kHeaderDeadLetterSource ||
         header == kHeaderDeliveries;
}

Result<Sent> send_again(Broker& broker,
                        const Thing& target,
                        const log::ReadRecord& record,
                        std::optional<ByteView> value,
                        Timestamp now) {
  std::vector<log::RecordHeader> headers;
  for (const log::RecordHeader& header : record.headers) {
    if (!is_of_its_past(header.key)) headers.push_back(header);
  }
  const log::RecordInput input{record.key, value ? value : record.value, headers, now};
  return broker.send(target.queue, input, {}, now);
}

Timestamp first_sent_at(const log::ReadRecord& record) {
  const auto header = record.headers.find(kHeaderSent);
  if (!header) return record.timestamp;
  int64_t ms = 0;
  const auto [end, error] = std::from_chars(header->data(), header->data() + header->size(), ms);
  const bool whole = error == std::errc() && end == header->data() + header->size();
  return whole ? Timestamp(ms) : record.timestamp;
}

const Thing* dead_letter_source(const Broker& broker,
                                const std::string& space,
                                const log::ReadRecord& record) {
  const auto from = record.headers.find(kHeaderDeadLetterSource);
  if (!from) return nullptr;
  const Thing* source = broker.catalog().find({space, std::string(*from)});
  return source != nullptr && source->kind == catalog::Kind::kQueue ? source : nullptr;
}

}  // namespace weir::broker
