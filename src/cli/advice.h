#pragma once
// What `weir advise` knows: the questions that decide between a queue and a stream, and what
// follows from the answers. Pure; `advise.cc` asks and prints.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::cli {

// In the order in which they are asked.
enum class Question : uint8_t {
  kOnlyACall,
  kBackgroundJob,
  kDoneWhenProcessed,
  kSeveralServices,
  kReplay,
  kOrderPerKey,
};
inline constexpr size_t kQuestionCount = 6;

struct QuestionText {
  Question question;
  std::string_view flag;  // without its dashes
  std::string_view text;
};

// In the order of Question.
std::span<const QuestionText, kQuestionCount> questions();

class Answers {
 public:
  std::optional<bool> get(Question question) const { return said_[index_of(question)]; }
  void set(Question question, bool yes) { said_[index_of(question)] = yes; }
  bool yes(Question question) const { return get(question).value_or(false); }

 private:
  static size_t index_of(Question question) { return static_cast<size_t>(question); }

  std::array<std::optional<bool>, kQuestionCount> said_;
};

// The first question that still matters and has no answer; none when advise() can be asked.
std::optional<Question> next_question(const Answers& answers);

// "yes", "y", "no" and "n", in any case.
std::optional<bool> yes_or_no(std::string_view text);

enum class Choice : uint8_t {
  kNeither,         // a plain call
  kQueue,           // one kind of worker, each message done once
  kStream,          // each reader keeps a place of its own
  kStreamToQueues,  // a topic, and by bridges a queue for each service that works
};

std::string_view to_string(Choice choice);

// What the person calls things, and what the programs are written with.
struct Wishes {
  std::string name = "orders";
  std::vector<std::string> services = {"billing", "mail"};
  std::string client;  // one of clients(), or empty: the one that fits
};

// In a command line and in every protocol these mean nothing but themselves: letters, digits,
// dashes and underscores, a letter first, at most kNameBytesMax.
bool is_plain_name(std::string_view name);
inline constexpr size_t kNameBytesMax = 32;

std::span<const std::string_view> clients();

// A whole program.
struct Snippet {
  std::string file;    // "worker.mjs"
  std::string client;  // one of clients()
  std::string needs;   // "npm package kafkajs"
  std::string code;
};

struct Advice {
  Choice choice = Choice::kNeither;
  std::string headline;
  std::vector<std::string> reasons;
  std::vector<std::string> commands;  // that create it, in this order
  std::vector<Snippet> snippets;
  std::vector<std::string> notes;
  std::vector<std::string> looks;  // commands that look at it afterwards
  std::vector<std::string> see;    // files of the repository
};

// `answers` leave no question open; names are plain ones and services differ from each other.
Advice advise(const Answers& answers, const Wishes& wishes);

}  // namespace weir::cli
