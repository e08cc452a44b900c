#include "storage/local/manifest.h"

#include <fmt/format.h>

#include "base/checksum.h"
#include "base/wire.h"

namespace weir::storage {
namespace {

constexpr uint64_t kCurrentMagic = 0x5255435249455757;   // "WWEIRCUR"
constexpr uint64_t kManifestMagic = 0x4e414d5249455757;  // "WWEIRMAN"
constexpr uint64_t kImagesMagic = 0x474d495249455757;    // "WWEIRIMG"
constexpr uint16_t kVersion = 1;

std::string begin(uint64_t magic) {
  std::string out;
  Writer writer(out);
  writer.fixed(magic);
  writer.fixed(kVersion);
  return out;
}

std::string finish(std::string out) {
  Writer(out).fixed(crc32c(out));
  return out;
}

// The part between magic and checksum; an error that names `what` if the bytes are not that.
Result<ByteView> opened(ByteView bytes, uint64_t magic, std::string_view what) {
  constexpr size_t kAround = sizeof(uint64_t) + sizeof(uint16_t) + sizeof(uint32_t);
  if (bytes.size() < kAround || load_le<uint64_t>(bytes.data()) != magic) {
    return fail(ErrorCode::kStorageCorrupt, fmt::format("{} is not one of Weir's", what));
  }
  const size_t end = bytes.size() - sizeof(uint32_t);
  if (load_le<uint32_t>(bytes.data() + end) != crc32c(bytes.substr(0, end))) {
    return fail(ErrorCode::kStorageCorrupt, fmt::format("{} fails its checksum", what));
  }
  const auto version = load_le<uint16_t>(bytes.data() + sizeof(uint64_t));
  if (version != kVersion) {
    return fail(ErrorCode::kStorageCorrupt,
                fmt::format("{} has format version {}, this broker reads version {}", what, version,
                            kVersion));
  }
  return bytes.substr(sizeof(uint64_t) + sizeof(uint16_t), bytes.size() - kAround);
}

}  // namespace

std::string encode_current(const Current& current) {
  std::string out = begin(kCurrentMagic);
  Writer writer(out);
  writer.fixed(current.epoch);
  writer.fixed(current.manifest);
  return finish(std::move(out));
}

Result<Current> decode_current(ByteView bytes) {
  const auto inside = opened(bytes, kCurrentMagic, "CURRENT");
  if (!inside) return std::unexpected(inside.error());
  Reader reader(*inside);
  const Current current{.epoch = reader.fixed<uint64_t>(), .manifest = reader.fixed<uint64_t>()};
  if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "CURRENT has a wrong length");
  return current;
}

std::string encode_manifest(const Manifest& manifest) {
  std::string out = begin(kManifestMagic);
  Writer writer(out);
  writer.fixed(manifest.number);
  writer.fixed(manifest.covered.value());
  writer.fixed(manifest.now.ms());
  writer.fixed(manifest.last_file.value());
  writer.varint(manifest.files.size());
  for (const auto& file : manifest.files) {
    writer.varint(file.id.value());
    writer.varint(file.last.value());
  }
  writer.varint(manifest.images.size());
  for (const ImageFileRef& file : manifest.images) {
    writer.varint(file.number);
    writer.varint(file.bytes);
    writer.varint(file.index_at);
    writer.fixed(file.index_crc);
  }
  return finish(std::move(out));
}

Result<Manifest> decode_manifest(ByteView bytes) {
  const auto inside = opened(bytes, kManifestMagic, "the manifest");
  if (!inside) return std::unexpected(inside.error());
  Reader reader(*inside);
  Manifest manifest;
  manifest.number = reader.fixed<uint64_t>();
  manifest.covered = Lsn(reader.fixed<uint64_t>());
  manifest.now = Timestamp(reader.fixed<int64_t>());
  manifest.last_file = FileId(reader.fixed<uint32_t>());
  for (uint64_t left = reader.count(2); left > 0; --left) {
    const FileId id(static_cast<uint32_t>(reader.varint()));
    manifest.files.push_back({id, Lsn(reader.varint())});
  }
  for (uint64_t left = reader.count(7); left > 0; --left) {
    ImageFileRef file;
    file.number = reader.varint();
    file.bytes = reader.varint();
    file.index_at = reader.varint();
    file.index_crc = reader.fixed<uint32_t>();
    manifest.images.push_back(file);
  }
  if (!reader.done()) return fail(ErrorCode::kStorageCorrupt, "the manifest has a wrong length");
  return manifest;
}

std::string manifest_path(uint64_t number) {
  return fmt::format("{}/{:08}.manifest", kCheckpointFolder, number);
}

std::string encode_image_file_header(uint64_t number) {
  std::string out = begin(kImagesMagic);
  Writer(out).fixed(number);
  out.resize(kImageFileHeaderBytes);
  return out;
}

bool image_file_header_is(ByteView bytes, uint64_t number) {
  return bytes == encode_image_file_header(number);
}

std::string encode_image_index(const ImageIndex& index) {
  std::string out;
  Writer writer(out);
  writer.varint(index.rows.size());
  for (const ImageRow& row : index.rows) {
    writer.varint(row.cell.value());
    writer.varint(row.lsn.value());
    writer.varint(row.offset);
    writer.varint(row.length);
    writer.fixed(row.crc);
  }
  writer.varint(index.dropped.size());
  for (const DroppedCell& cell : index.dropped) {
    writer.varint(cell.cell.value());
    writer.varint(cell.lsn.value());
    writer.varint(cell.image_file);
  }
  return out;
}

Result<ImageIndex> decode_image_index(ByteView bytes, const ImageFileRef& file) {
  if (crc32c(bytes) != file.index_crc) {
    return fail(ErrorCode::kStorageCorrupt,
                fmt::format("the index of {} fails its checksum", image_file_path(file.number)));
  }
  Reader reader(bytes);
  ImageIndex index;
  const uint64_t rows = reader.count(8);
  index.rows.reserve(rows);
  for (uint64_t i = 0; i < rows; ++i) {
    ImageRow row;
    row.cell = CellId(reader.varint());
    row.lsn = Lsn(reader.varint());
    row.offset = reader.varint();
    row.length = reader.varint();
    row.crc = reader.fixed<uint32_t>();
    if (row.offset > file.index_at || row.length > file.index_at - row.offset) reader.fail();
    index.rows.push_back(row);
  }
  for (uint64_t left = reader.count(3); left > 0; --left) {
    DroppedCell cell;
    cell.cell = CellId(reader.varint());
    cell.lsn = Lsn(reader.varint());
    cell.image_file = reader.varint();
    index.dropped.push_back(cell);
  }
  if (!reader.done()) {
    return fail(
        ErrorCode::kStorageCorrupt,
        fmt::format("the index of {} does not agree with itself", image_file_path(file.number)));
  }
  return index;
}

std::string image_file_path(uint64_t number) {
  return fmt::format("{}/{:08}.images", kCheckpointFolder, number);
}

}  // namespace weir::storage
