#pragma once
// The few Kafka requests that the load generator speaks, in versions that every broker since 1.0
// and up to 4.x understands: CreateTopics 2, Produce 7, Fetch 4. Batches are RecordBatch v2.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace weir::load::kafka {

// A batch of `count` records with `payload` as value each. The first 8 bytes of a value can carry a
// stamp.
class BatchTemplate {
 public:
  BatchTemplate(uint32_t count, const std::string& payload);

  // The batch with its timestamps and checksum for this moment, and the stamp in every value.
  const std::string& stamped(uint64_t stamp);
  uint32_t count() const { return count_; }

 private:
  uint32_t count_;
  std::string bytes_;
  std::string values_at_;  // positions of the values, as raw 32-bit numbers
};

std::string create_topic(const std::string& topic, uint32_t partitions);
std::string produce(const std::string& topic, uint32_t partition, std::string_view batch);
std::string fetch(const std::string& topic, uint32_t partition, uint64_t offset, uint32_t wait_ms);

// Length of the first whole response with its size prefix, 0 when not all of it is here.
size_t response_length(std::string_view in);

// Error codes of whole responses; 0 is none.
int16_t create_topic_error(std::string_view response);
int16_t produce_error(std::string_view response);

struct Fetched {
  int16_t error = 0;
  uint64_t high_watermark = 0;
  uint64_t next_offset = 0;  // 0 when nothing came
  uint64_t records = 0;
};

// `stamps` gets the stamp of each batch and how many records it has.
Fetched parse_fetch(std::string_view response,
                    const std::function<void(uint64_t stamp, uint64_t records)>& stamps);

}  // namespace weir::load::kafka
