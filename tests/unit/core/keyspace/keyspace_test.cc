#include "core/keyspace/keyspace.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "core/keyspace/transaction.h"

namespace weir::keyspace {
namespace {

// Owns its buckets, as the broker's cells do.
struct Owner {
  std::map<uint32_t, std::unique_ptr<Bucket>> buckets;

  Bucket* bucket(BucketId id) {
    auto& slot = buckets[id.index()];
    if (!slot) slot = std::make_unique<Bucket>();
    return slot.get();
  }
};

struct TestKeyspace : Owner, Keyspace {
  TestKeyspace() : Keyspace([this](BucketId id) { return Owner::bucket(id); }) {}
  // As recovery does: the cells first, then the view.
  void attach_all() {
    for (auto& [index, bucket] : buckets) {
      attach({index / kBucketsPerDatabase, index % kBucketsPerDatabase}, bucket.get());
    }
  }
};

std::string image_bytes(const Bucket& bucket) {
  BucketImage image = bucket.image();
  for (auto& part : image.deferred) part(image.head);
  return std::move(image.head);
}

std::map<uint32_t, std::string> all_images(const TestKeyspace& keyspace) {
  std::map<uint32_t, std::string> images;
  for (const auto& [index, bucket] : keyspace.buckets) images[index] = image_bytes(*bucket);
  return images;
}

struct Recorded {
  BucketId bucket;
  std::string event;
};

void record(const Transaction& transaction, std::vector<Recorded>& log) {
  for (size_t i = 0; i < transaction.change_count(); ++i) {
    const auto change = transaction.change(i);
    log.push_back({change.bucket, std::string(change.event)});
  }
}

void random_list_change(Random& random, Transaction& t, uint32_t db, ByteView key) {
  const auto list = t.get<List>(db, key);
  if (!list) return;
  const std::string value =
      std::to_string(random.below(1000)) + std::string(random.below(300), 'v');
  const ByteView views[] = {value, "second", ""};
  if (*list == nullptr || random.one_in(3)) {
    ASSERT_TRUE(t.push(db, key, random.one_in(2) ? Side::kLeft : Side::kRight, views).has_value());
    return;
  }
  const size_t size = (*list)->size();
  switch (random.below(5)) {
    case 0: t.pop(db, key, Side::kRight, random.below(size) + 1); break;
    case 1: t.trim(db, key, random.below(size), random.below(size) + 1); break;
    case 2: t.set_element(db, key, random.below(size), value); break;
    case 3: t.insert_element(db, key, random.below(size + 1), value); break;
    case 4: {
      std::vector<uint64_t> indexes;
      for (uint64_t i = 0; i < size; ++i) {
        if (random.one_in(3)) indexes.push_back(i);
      }
      t.erase_elements(db, key, indexes);
      break;
    }
  }
}

void random_map_change(Random& random, Transaction& t, uint32_t db, ByteView key) {
  const std::string a = std::to_string(random.below(30));
  const std::string b = std::to_string(random.below(30));
  const ByteView pair[] = {a, b};
  const double scores[] = {static_cast<double>(random.below(9)), -1.5};
  const KeyState* state = t.find(db, key);
  const bool erases = random.one_in(2);
  const auto type =
      state == nullptr ? static_cast<ValueType>(2 + random.below(3)) : type_of(state->value);
  if (type == ValueType::kHash)
    erases ? t.erase_fields(db, key, pair) : t.set_fields(db, key, pair);
  if (type == ValueType::kSet)
    erases ? t.erase_members(db, key, pair) : t.add_members(db, key, pair);
  if (type == ValueType::kSortedSet) {
    erases ? t.erase_scored(db, key, pair) : t.set_scores(db, key, pair, scores);
  }
}

void random_change(Random& random, Transaction& t) {
  const auto db = static_cast<uint32_t>(random.below(2));
  const std::string key = "k" + std::to_string(random.below(40));
  const std::string other = "k" + std::to_string(random.below(40));
  switch (random.below(12)) {
    case 0: t.erase(db, key); break;
    case 1:
      t.expire_at(db, key, t.now() + Milliseconds(static_cast<int64_t>(random.below(400)) - 20));
      break;
    case 2:
      t.set_string(db, key, other,
                   random.one_in(2) ? Timestamp::never() : t.now() + Milliseconds(50));
      break;
    case 3: (void)t.append(db, key, other); break;
    case 4:
      if (t.find(db, key) != nullptr) t.copy(db, key, 1 - db, other);
      break;
    case 5:
      if (random.one_in(50)) t.clear(db);
      break;
    case 6: t.remove_expired(2); break;
    case 7:
    case 8: random_map_change(random, t, db, key); break;
    default: random_list_change(random, t, db, key);
  }
}

TEST(Keyspace, ReplayOfTheEventsOnAnOlderImageGivesTheLiveState) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    TestKeyspace live;
    std::vector<Recorded> log;
    std::map<uint32_t, std::string> images;
    size_t image_position = 0;
    int64_t now = 1000;
    for (int step = 0; step < 3000; ++step) {
      now += static_cast<int64_t>(random.below(10));
      Transaction transaction(live, Timestamp(now));
      random_change(random, transaction);
      record(transaction, log);
      if (step == 1500) {
        images = all_images(live);
        image_position = log.size();
      }
    }
    TestKeyspace replayed;
    for (const auto& [index, image] : images) {
      const auto loaded =
          replayed.Owner::bucket({index / kBucketsPerDatabase, index % kBucketsPerDatabase})
              ->load(image);
      ASSERT_TRUE(loaded.has_value()) << loaded.error().message;
    }
    EXPECT_EQ(all_images(replayed), images);
    for (size_t i = image_position; i < log.size(); ++i) {
      ASSERT_TRUE(replayed.Owner::bucket(log[i].bucket)->replay(log[i].event).has_value());
    }
    EXPECT_EQ(all_images(replayed), all_images(live));
    replayed.attach_all();
    EXPECT_EQ(replayed.used_bytes(), live.used_bytes());
    EXPECT_EQ(replayed.next_deadline(), live.next_deadline());
    for (uint32_t db = 0; db < kDatabases; ++db) {
      EXPECT_EQ(replayed.size(db), live.size(db));
      EXPECT_EQ(replayed.size_with_deadline(db), live.size_with_deadline(db));
    }
    Transaction all(live, Timestamp(now));
    for (uint32_t db = 0; db < kDatabases; ++db) all.clear(db);
    EXPECT_EQ(live.used_bytes(), 0U);
    EXPECT_EQ(live.next_deadline(), Timestamp::never());
  }
}

TEST(Keyspace, AKeyIsGoneForReadersOnceItsDeadlineHasPassedAndRemovedByAnEvent) {
  TestKeyspace keyspace;
  Transaction first(keyspace, Timestamp(100));
  first.set_string(0, "key", "value", Timestamp(200));
  EXPECT_EQ(keyspace.next_deadline(), Timestamp(200));
  EXPECT_NE(keyspace.find(0, "key", Timestamp(199)), nullptr);
  EXPECT_EQ(keyspace.find(0, "key", Timestamp(200)), nullptr);
  EXPECT_EQ(keyspace.size(0), 1U);
  Transaction early(keyspace, Timestamp(199));
  EXPECT_EQ(early.remove_expired(10), 0U);
  Transaction late(keyspace, Timestamp(200));
  EXPECT_EQ(late.remove_expired(10), 1U);
  EXPECT_EQ(late.change_count(), 1U);
  EXPECT_EQ(late.change(0).kind, EventKind::kDelete);
  EXPECT_EQ(late.change(0).key, "key");
  EXPECT_EQ(keyspace.size(0), 0U);
}

TEST(Keyspace, WritingAnExpiredKeyStartsFromNothing) {
  TestKeyspace keyspace;
  Transaction first(keyspace, Timestamp(100));
  const ByteView old_value[] = {"old"};
  ASSERT_TRUE(first.push(0, "key", Side::kLeft, old_value).has_value());
  first.expire_at(0, "key", Timestamp(150));
  Transaction second(keyspace, Timestamp(150));
  const ByteView new_value[] = {"new"};
  EXPECT_EQ(second.push(0, "key", Side::kLeft, new_value).value(), 1U);
  EXPECT_EQ(keyspace.find_any(0, "key")->deadline, Timestamp::never());
}

TEST(Keyspace, AnEmptyListVanishesAndAnEmptyStringStays) {
  TestKeyspace keyspace;
  Transaction t(keyspace, Timestamp(1));
  const ByteView values[] = {"a", "b"};
  ASSERT_TRUE(t.push(0, "list", Side::kRight, values).has_value());
  t.pop(0, "list", Side::kLeft, 2);
  EXPECT_EQ(t.find(0, "list"), nullptr);
  t.set_string(0, "text", "", Timestamp::never());
  EXPECT_NE(t.find(0, "text"), nullptr);
}

TEST(Keyspace, AnotherTypeIsRefusedAndNothingChanges) {
  TestKeyspace keyspace;
  Transaction t(keyspace, Timestamp(1));
  t.set_string(0, "key", "text", Timestamp::never());
  const size_t changes = t.change_count();
  const ByteView values[] = {"a"};
  const auto pushed = t.push(0, "key", Side::kLeft, values);
  ASSERT_FALSE(pushed.has_value());
  EXPECT_EQ(pushed.error().code, ErrorCode::kWrongKind);
  EXPECT_EQ(t.change_count(), changes);
}

TEST(Keyspace, AScanVisitsEveryLastingKeyExactlyOnceWhileOthersComeAndGo) {
  Random random(3);
  TestKeyspace keyspace;
  Transaction t(keyspace, Timestamp(1));
  for (int i = 0; i < 2000; ++i)
    t.set_string(0, "stays" + std::to_string(i), "", Timestamp::never());
  std::multiset<std::string> seen;
  uint64_t cursor = 0;
  do {
    cursor = keyspace.scan(0, cursor, 10, Timestamp(1),
                           [&](ByteView key, const KeyState&) { seen.emplace(key); });
    EXPECT_LT(cursor, uint64_t{1} << 53);
    for (int i = 0; i < 5; ++i) {
      t.set_string(0, "new" + std::to_string(random.below(500)), "", Timestamp::never());
      t.erase(0, "new" + std::to_string(random.below(500)));
    }
  } while (cursor != 0);
  for (int i = 0; i < 2000; ++i) EXPECT_EQ(seen.count("stays" + std::to_string(i)), 1U) << i;
}

TEST(Keyspace, ALargeListIsPinnedSoThatItsImageIsOfTheMomentItWasTaken) {
  TestKeyspace keyspace;
  Transaction t(keyspace, Timestamp(1));
  const std::string value(100, 'v');
  const std::vector<ByteView> values(5000, value);
  ASSERT_TRUE(t.push(0, "big", Side::kRight, values).has_value());
  const Bucket& bucket = *keyspace.Owner::bucket(Keyspace::bucket_of(0, "big"));
  const std::string at_once = image_bytes(bucket);
  BucketImage image = bucket.image();
  EXPECT_LT(image.head.size(), 100U);
  t.pop(0, "big", Side::kLeft, 100);
  t.set_element(0, "big", 200, "changed");
  for (auto& part : image.deferred) part(image.head);
  EXPECT_EQ(image.head, at_once);
}

// A list of 100 MB used to be written into one string first.
TEST(Keyspace, WhoWritesALargeValueNeedsMemoryForAPartOfIt) {
  TestKeyspace keyspace;
  Transaction t(keyspace, Timestamp(1));
  std::vector<std::string> names;
  for (int i = 0; i < 40'000; ++i) names.push_back(std::to_string(i) + std::string(100, 'n'));
  const std::vector<ByteView> values(names.begin(), names.end());
  const std::vector<double> scores(values.size(), 1.5);
  ASSERT_TRUE(t.push(0, "list", Side::kLeft, values).has_value());
  t.set_fields(0, "hash", values);
  t.add_members(0, "set", values);
  t.set_scores(0, "sorted", values, scores);
  for (const char* key : {"list", "hash", "set", "sorted"}) {
    SCOPED_TRACE(key);
    BucketImage image = keyspace.Owner::bucket(Keyspace::bucket_of(0, key))->image();
    EXPECT_GT(image.deferred.size(), 5U);
    for (auto& deferred : image.deferred) {
      std::string part;
      deferred(part);
      EXPECT_LE(part.size(), size_t{256} << 10);
      image.head += part;
    }
    Bucket loaded;
    ASSERT_TRUE(loaded.load(image.head));
    EXPECT_EQ(image_bytes(loaded), image.head);
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !__has_feature(address_sanitizer) && \
    !__has_feature(thread_sanitizer)
size_t memory_in_use() {
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST(Keyspace, AShortListCostsLittleBesideItsElements) {
  constexpr size_t kLists = 200'000;
  TestKeyspace keyspace;
  const size_t before = memory_in_use();
  const std::string element(20, 'e');
  const std::vector<ByteView> elements(3, element);
  for (size_t i = 0; i < kLists; ++i) {
    Transaction t(keyspace, Timestamp(1));
    ASSERT_TRUE(t.push(0, "list:" + std::to_string(i), Side::kRight, elements).has_value());
  }
  const size_t each = (memory_in_use() - before) / kLists;
  RecordProperty("bytes_per_list", static_cast<int>(each));
  EXPECT_LE(each, 320U);
}

// Each element used to be an allocation of its own.
TEST(Keyspace, ALongListCostsLittleBesideItsElements) {
  constexpr size_t kElements = 200'000;
  for (const Side side : {Side::kLeft, Side::kRight}) {
    TestKeyspace keyspace;
    const size_t before = memory_in_use();
    const std::string element(100, 'e');
    const std::vector<ByteView> elements(10, element);
    for (size_t i = 0; i < kElements / 10; ++i) {
      Transaction t(keyspace, Timestamp(1));
      ASSERT_TRUE(t.push(0, "list", side, elements).has_value());
    }
    const size_t each = (memory_in_use() - before) / kElements;
    RecordProperty("bytes_per_element", static_cast<int>(each));
    EXPECT_LE(each, 106U);
    Transaction(keyspace, Timestamp(1)).pop(0, "list", side, kElements - 1);
    EXPECT_LT(memory_in_use() - before, size_t{16} << 10);
  }
}

// A write used to copy the chunk that an image held, with all the values in it.
TEST(Keyspace, AWriteToWhatAnImageHoldsCopiesNoValues) {
  TestKeyspace keyspace;
  Transaction t(keyspace, Timestamp(1));
  const std::string value(size_t{1} << 20, 'v');
  for (int i = 0; i < 100; ++i) {
    const std::string field = "f" + std::to_string(i);
    t.set_fields(0, "hash", std::vector<ByteView>{field, value});
    ASSERT_TRUE(t.push(0, "list", Side::kRight, std::vector<ByteView>{value}).has_value());
    ASSERT_TRUE(t.append(0, "text", value).has_value());
  }
  constexpr size_t kCopiedMax = 64 << 10;
  for (const char* key : {"hash", "list", "text"}) {
    SCOPED_TRACE(key);
    const Bucket& bucket = *keyspace.Owner::bucket(Keyspace::bucket_of(0, key));
    const std::string expected = image_bytes(bucket);
    const size_t before = memory_in_use();
    BucketImage image = bucket.image();
    Transaction writes(keyspace, Timestamp(2));
    writes.set_fields(0, "hash", std::vector<ByteView>{"f50", "changed", "f1", "changed"});
    ASSERT_TRUE(writes.push(0, "list", Side::kLeft, std::vector<ByteView>{"more"}).has_value());
    writes.set_element(0, "list", 70, "changed");
    ASSERT_TRUE(writes.append(0, "text", "more").has_value());
    EXPECT_LT(memory_in_use(), before + kCopiedMax);
    for (auto& part : image.deferred) part(image.head);
    EXPECT_EQ(image.head, expected);
  }
}
#endif

// However much a bucket holds, what is written on the shard at once is little.
TEST(Keyspace, TheHeadOfAnImageStaysSmallWhateverTheBucketHolds) {
  TestKeyspace keyspace;
  Transaction t(keyspace, Timestamp(1));
  const BucketId id = Keyspace::bucket_of(0, "key");
  const std::string value(10 << 10, 'v');
  size_t made = 0;
  for (int i = 0; made < 200; ++i) {
    const std::string key = "key" + std::to_string(i);
    if (!(Keyspace::bucket_of(0, key) == id)) continue;
    t.set_string(0, key, value, Timestamp::never());
    ++made;
  }
  BucketImage image = keyspace.Owner::bucket(id)->image();
  EXPECT_EQ(image.deferred.size(), made);
  EXPECT_LT(image.head.size(), size_t{16} << 10);
  for (auto& part : image.deferred) part(image.head);
  Bucket loaded;
  ASSERT_TRUE(loaded.load(image.head).has_value());
  EXPECT_EQ(image_bytes(loaded), image.head);
}

// What the shard does for the image of a big value is a step a chunk; the elements are written
// later.
TEST(Keyspace, LargeHashesSetsAndSortedSetsArePinnedToo) {
  TestKeyspace keyspace;
  Transaction t(keyspace, Timestamp(1));
  std::vector<std::string> names;
  for (int i = 0; i < 4000; ++i) names.push_back("member-" + std::to_string(i));
  const std::vector<ByteView> members(names.begin(), names.end());
  std::vector<double> scores;
  for (int i = 0; i < 4000; ++i) scores.push_back(i * 0.5);
  t.set_fields(0, "hash", members);
  t.add_members(0, "set", members);
  t.set_scores(0, "sorted", members, scores);
  const std::vector<ByteView> gone(members.begin() + 10, members.begin() + 3000);
  for (const char* key : {"hash", "set", "sorted"}) {
    SCOPED_TRACE(key);
    const Bucket& bucket = *keyspace.Owner::bucket(Keyspace::bucket_of(0, key));
    const std::string at_once = image_bytes(bucket);
    EXPECT_GT(at_once.size(), 10'000U);
    BucketImage image = bucket.image();
    EXPECT_LT(image.head.size(), 100U);
    t.set_fields(0, "hash", std::vector<ByteView>{"member-0", "changed", "more", "x"});
    t.erase_fields(0, "hash", gone);
    t.erase_members(0, "set", gone);
    t.set_scores(0, "sorted", std::vector<ByteView>{"member-1", "more"}, std::vector<double>{9, 9});
    t.erase_scored(0, "sorted", gone);
    for (auto& part : image.deferred) part(image.head);
    EXPECT_EQ(image.head, at_once);
    Bucket loaded;
    ASSERT_TRUE(loaded.load(image.head));
    EXPECT_EQ(image_bytes(loaded), at_once);
  }
}

TEST(Keyspace, DamagedEventsAndImagesAreErrorsNotCrashes) {
  TestKeyspace source;
  Transaction t(source, Timestamp(1));
  const ByteView values[] = {"a", "b", "c"};
  const double scores[] = {1, 2, 3};
  ASSERT_TRUE(t.push(0, "key", Side::kRight, values).has_value());
  t.erase(0, "key");
  t.set_scores(0, "key", values, scores);
  Random random(5);
  const std::string image = image_bytes(*source.Owner::bucket(Keyspace::bucket_of(0, "key")));
  for (int round = 0; round < 3000; ++round) {
    Bucket target;
    std::string damaged = round % 2 == 0 ? image : std::string(t.change(random.below(3)).event);
    damaged[random.below(damaged.size())] = static_cast<char>(random.next());
    damaged.resize(random.below(damaged.size()) + 1);
    if (round % 2 == 0) {
      (void)target.load(damaged);
    } else {
      (void)target.replay(damaged);
    }
  }
  Bucket target;
  EXPECT_FALSE(target
                   .replay("\x63"
                           "abc")
                   .has_value());
  EXPECT_FALSE(target.load(image.substr(1)).has_value());
  EXPECT_FALSE(target.load("").has_value());
}

}  // namespace
}  // namespace weir::keyspace
