#include "connectors/commit/table_progress.h"

#include <algorithm>

#include "base/wire.h"

namespace weir::cdc {
namespace {

constexpr uint8_t kVersion = 1;

void write_texts(Writer& writer, const std::vector<std::string>& texts) {
  writer.varint(texts.size());
  for (const std::string& text : texts) writer.bytes(text);
}

std::vector<std::string> read_texts(Reader& reader) {
  std::vector<std::string> texts(reader.count());
  for (std::string& text : texts) text = reader.bytes();
  return texts;
}

}  // namespace

bool TableProgress::done() const {
  return !pieces.empty() && std::ranges::all_of(pieces, &Piece::done);
}

std::string TableProgress::note() const {
  return std::string(kTableNotes) + name();
}

std::string TableProgress::encode() const {
  Writer writer;
  writer.u8(kVersion);
  writer.varint(id);
  writer.bytes(schema);
  writer.bytes(table);
  writer.boolean(again);
  writer.boolean(begun);
  writer.varint(rows);
  writer.svarint(estimated);
  write_texts(writer, key);
  writer.varint(pieces.size());
  for (const Piece& piece : pieces) {
    write_texts(writer, piece.after);
    write_texts(writer, piece.until);
    writer.boolean(piece.done);
  }
  return std::move(writer.out());
}

Result<TableProgress> TableProgress::decode(ByteView note) {
  Reader reader(note);
  TableProgress table;
  if (reader.u8() != kVersion) reader.fail();
  table.id = static_cast<uint32_t>(reader.varint());
  table.schema = reader.bytes();
  table.table = reader.bytes();
  table.again = reader.boolean();
  table.begun = reader.boolean();
  table.rows = reader.varint();
  table.estimated = reader.svarint();
  table.key = read_texts(reader);
  constexpr size_t kPieceBytesMin = 3;
  table.pieces.resize(reader.count(kPieceBytesMin));
  for (Piece& piece : table.pieces) {
    piece.after = read_texts(reader);
    piece.until = read_texts(reader);
    piece.done = reader.boolean();
  }
  if (!reader.done()) {
    return fail(ErrorCode::kStorageCorrupt,
                "what is stored of a capture's snapshot of a table cannot be read");
  }
  return table;
}

}  // namespace weir::cdc
