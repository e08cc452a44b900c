#include "net/reply_queue.h"

#include <cstring>
#include <utility>

#include "base/assert.h"

namespace weir::net {

bool GatheredWrite::add(ByteView piece) {
  if (piece.empty()) return true;
  const bool small =
      piece.size() <= kSmallPieceBytes && piece.size() <= copied_.size() - copied_bytes_;
  if (small && last_is_copied_) {
    std::memcpy(copied_.data() + copied_bytes_, piece.data(), piece.size());
    pieces_[count_ - 1].iov_len += piece.size();
  } else {
    if (count_ == kPiecesMax) return false;
    char* from = const_cast<char*>(piece.data());  // writev only reads
    if (small) {
      from = copied_.data() + copied_bytes_;
      std::memcpy(from, piece.data(), piece.size());
    }
    pieces_[count_++] = iovec{from, piece.size()};
  }
  if (small) copied_bytes_ += piece.size();
  last_is_copied_ = small;
  bytes_ += piece.size();
  return true;
}

void GatheredWrite::clear() {
  copied_bytes_ = count_ = bytes_ = 0;
  last_is_copied_ = false;
}

uint64_t ReplyQueue::reserve() {
  slots_.emplace_back();
  return first_ + slots_.size() - 1;
}

ReplyQueue::Slot* ReplyQueue::find(uint64_t number) {
  if (number < first_ || number - first_ >= slots_.size()) return nullptr;
  return &slots_[number - first_];
}

bool ReplyQueue::complete(uint64_t number, Reply reply, Lsn lsn, Durability durability) {
  Slot* slot = find(number);
  if (slot == nullptr || slot->complete) return false;
  slot->reply = std::move(reply);
  slot->lsn = lsn;
  slot->durability = durability;
  slot->complete = true;
  slot->hook.reset();
  bytes_ += slot->reply.size();
  return true;
}

void ReplyQueue::set_hook(uint64_t number, runtime::Task hook) {
  Slot* slot = find(number);
  if (slot == nullptr || slot->complete) return;
  slot->hook = std::make_unique<runtime::Task>(std::move(hook));
}

std::vector<runtime::Task> ReplyQueue::take_hooks() {
  std::vector<runtime::Task> hooks;
  for (Slot& slot : slots_) {
    if (slot.complete || !slot.hook) continue;
    hooks.push_back(std::move(*slot.hook));
    slot.hook.reset();
  }
  return hooks;
}

void ReplyQueue::gather(const Watermark& watermark, GatheredWrite& out) const {
  size_t skip = front_sent_;
  const auto add = [&](ByteView piece) {
    if (skip >= piece.size()) {
      skip -= piece.size();
      return true;
    }
    piece.remove_prefix(std::exchange(skip, 0));
    return out.add(piece);
  };
  for (const Slot& slot : slots_) {
    if (!may_leave(slot, watermark)) return;
    if (!add(slot.reply.text)) return;
    for (const Bytes& part : slot.reply.parts) {
      if (!add(part)) return;
    }
  }
}

void ReplyQueue::consume(const Watermark& watermark, size_t bytes) {
  WEIR_ASSERT(bytes <= bytes_, "{} bytes left of {}", bytes, bytes_);
  bytes_ -= bytes;
  // Empty replies go with what stands before them.
  while (!slots_.empty() && may_leave(slots_.front(), watermark)) {
    const size_t rest = slots_.front().reply.size() - front_sent_;
    if (rest > bytes) break;
    bytes -= rest;
    front_sent_ = 0;
    slots_.pop_front();
    ++first_;
  }
  front_sent_ += bytes;
}

std::optional<ReplyQueue::Blocked> ReplyQueue::blocked(const Watermark& watermark) const {
  if (slots_.empty() || !slots_.front().complete || may_leave(slots_.front(), watermark))
    return std::nullopt;
  return Blocked{slots_.front().lsn, slots_.front().durability};
}

void ReplyQueue::clear() {
  first_ += slots_.size();
  slots_.clear();
  front_sent_ = bytes_ = 0;
}

}  // namespace weir::net
