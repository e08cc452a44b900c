#include "storage/local/image_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "base/checksum.h"

namespace weir::storage {
namespace {

// One image file, read through a window: a checkpoint writes its cells in ascending order, so this
// is mostly sequential. Past the page cache, where it is not.
class ImageSource {
 public:
  explicit ImageSource(std::unique_ptr<File> file) : file_(std::move(file)) {}

  Result<ByteView> view(uint64_t offset, uint64_t length) {
    if (offset < begin_ || offset + length > begin_ + held_) {
      if (auto ok = read(round_down(offset, kBlock), offset + length); !ok)
        return std::unexpected(ok.error());
    }
    return ByteView(window_.data() + (offset - begin_), length);
  }

 private:
  static constexpr uint64_t kWindowBytes = uint64_t{256} << 10;

  // At least up to `end`, and more while the file has it.
  Result<void> read(uint64_t begin, uint64_t end) {
    const uint64_t wanted = round_up(std::max(end - begin, kWindowBytes), kBlock);
    if (window_.size() < wanted) window_ = Buffer(wanted);
    begin_ = begin;
    held_ = 0;
    while (held_ < end - begin) {
      const auto count = file_->read(begin + held_, window_.span(held_, wanted - held_));
      if (!count) return std::unexpected(count.error());
      if (*count == 0) return fail(ErrorCode::kStorageCorrupt, "an image file is cut short");
      held_ += *count;
    }
    return {};
  }

  std::unique_ptr<File> file_;
  Buffer window_;
  uint64_t begin_ = 0;
  uint64_t held_ = 0;
};

struct Wanted {
  ImageRow row;
  uint64_t file;
};

}  // namespace

Result<ImageIndex> read_image_index(Disk& disk, const ImageFileRef& ref) {
  auto file = disk.open(image_file_path(ref.number), OpenMode::kRead);
  if (!file) return std::unexpected(file.error());
  std::string header(kImageFileHeaderBytes, '\0');
  if (auto ok = read_exactly(**file, 0, header); !ok) return std::unexpected(ok.error());
  if (!image_file_header_is(header, ref.number) || ref.index_at > ref.bytes) {
    return fail(ErrorCode::kStorageCorrupt,
                fmt::format("{} is not the image file it should be", image_file_path(ref.number)));
  }
  std::string bytes(ref.bytes - ref.index_at, '\0');
  if (auto ok = read_exactly(**file, ref.index_at, bytes); !ok) return std::unexpected(ok.error());
  return decode_image_index(bytes, ref);
}

Result<void> for_each_image(Disk& disk,
                            std::span<const ImageFileRef> files,
                            const CellDirectory& cells,
                            const ImageSink& sink) {
  std::vector<Wanted> wanted;
  std::map<uint64_t, ImageSource> sources;
  for (const ImageFileRef& ref : files) {
    const auto index = read_image_index(disk, ref);
    if (!index) return std::unexpected(index.error());
    for (const ImageRow& row : index->rows) {
      const auto cell = cells.find(row.cell);
      if (cell != cells.end() && cell->second.image_file == ref.number)
        wanted.push_back({row, ref.number});
    }
    auto file = disk.open(image_file_path(ref.number), OpenMode::kDirect);
    if (!file) return std::unexpected(file.error());
    sources.try_emplace(ref.number, std::move(*file));
  }
  std::ranges::sort(wanted, {}, [](const Wanted& one) { return one.row.cell; });
  for (const Wanted& one : wanted) {
    const auto bytes = sources.at(one.file).view(one.row.offset, one.row.length);
    if (!bytes) return std::unexpected(bytes.error());
    if (crc32c(*bytes) != one.row.crc) {
      return fail(ErrorCode::kStorageCorrupt,
                  fmt::format("the image of cell {} in {} fails its checksum", one.row.cell.value(),
                              image_file_path(one.file)));
    }
    if (auto ok = sink(one.row.cell, *bytes); !ok) return ok;
  }
  return {};
}

}  // namespace weir::storage
