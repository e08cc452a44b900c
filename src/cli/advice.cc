#include "cli/advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "cli/advice_snippets.h"

namespace weir::cli {
namespace {

constexpr std::array<QuestionText, kQuestionCount> kQuestions = {{
    {Question::kOnlyACall, "only-a-call",
     "Does the caller only wait for an answer, and can it do nothing without one?"},
    {Question::kBackgroundJob, "background-job",
     "Is it a plain background job: any worker does it once, and tries again until it is done?"},
    {Question::kDoneWhenProcessed, "done-when-processed",
     "Is a message done as soon as one worker has processed it?"},
    {Question::kSeveralServices, "several-services",
     "Do several services react to it, each on its own?"},
    {Question::kReplay, "replay",
     "Must it be readable again later: by a new service, after a repaired bug, for an audit?"},
    {Question::kOrderPerKey, "order-per-key",
     "Must what belongs to one user, order or account be processed in strict order?"},
}};

constexpr std::string_view kClients[] = {"aws-js", "boto3", "kafkajs", "ioredis", "kcat"};

bool is_work(const Answers& answers) {
  return answers.yes(Question::kBackgroundJob) || answers.yes(Question::kDoneWhenProcessed);
}

Choice choice_of(const Answers& answers) {
  if (answers.yes(Question::kOnlyACall)) return Choice::kNeither;
  if (answers.yes(Question::kSeveralServices)) {
    return is_work(answers) ? Choice::kStreamToQueues : Choice::kStream;
  }
  return answers.yes(Question::kReplay) && !is_work(answers) ? Choice::kStream : Choice::kQueue;
}

// Makes one piece of advice; each function adds what its part of the answers asks for.
class Advisor {
 public:
  Advisor(const Answers& answers, const Wishes& wishes)
      : wishes_(wishes),
        several_(answers.yes(Question::kSeveralServices)),
        ordered_(answers.yes(Question::kOrderPerKey)),
        replay_(answers.yes(Question::kReplay)),
        work_(is_work(answers)) {
    advice_.choice = choice_of(answers);
  }

  Advice make() {
    switch (advice_.choice) {
      case Choice::kNeither: neither(); break;
      case Choice::kQueue: queue(); break;
      case Choice::kStream: stream(); break;
      case Choice::kStreamToQueues: stream_to_queues(); break;
    }
    advice_.see.emplace_back("docs/guide/queue-or-stream.md");
    return std::move(advice_);
  }

 private:
  void neither() {
    advice_.headline = "Neither: a plain call";
    advice_.reasons = {
        "Who needs the answer to go on is served best by HTTP or gRPC: it comes back on the same "
        "way, and an error is known at once.",
        "A broker in between adds a second way for the answer, and a wait that nobody sees."};
    advice_.notes = {
        "What may be done after the answer (a mail, an invoice, a thumbnail) is a background job: "
        "ask again for that part."};
  }

  void queue() {
    advice_.headline = ordered_ ? "A FIFO queue" : "A queue";
    if (work_) {
      advice_.reasons.emplace_back(
          "A message is done for everybody as soon as one worker has processed it: the broker "
          "hands it out, waits, and hands it out again when the worker fails.");
    } else {
      advice_.reasons.emplace_back(
          "One service reads it and nobody reads it again: a queue does that without partitions, "
          "offsets and retention to care for.");
    }
    if (ordered_) {
      advice_.reasons.emplace_back(
          "Strict order per user or order: each is a message group, of which one message at a time "
          "is in work. Groups do not wait for each other.");
    }
    if (replay_) {
      advice_.headline += " with a history";
      advice_.reasons.emplace_back(
          "Readable again later: with a history, what was acknowledged stays in the queue's log.");
    }
    create_queue(wishes_.name);
    const std::string name = queue_name(wishes_.name);
    add_snippet(ordered_ ? Role::kSendInOrder : Role::kSend, name);
    add_snippet(Role::kWork, name);
    add_notes_of_work();
    look_at_queue(wishes_.name);
    if (replay_) {
      advice_.notes.emplace_back(
          "The history is a topic to every reader of topics; reading it takes nothing off.");
      advice_.looks.push_back(fmt::format("weir tail {} --from start", name));
      advice_.see.emplace_back("examples/history");
    }
    advice_.see.emplace_back(ordered_ ? "examples/order-per-user" : "examples/queue-worker");
  }

  void stream() {
    advice_.headline = "A stream";
    if (several_) {
      advice_.reasons.emplace_back(
          "Several services react, each on its own: each is a group with a place of its own in the "
          "topic, and none takes anything away from the others.");
    }
    if (replay_) {
      advice_.reasons.emplace_back(
          "Readable again later: records stay until retention ends, and a group can go back.");
    }
    create_topic();
    const std::string group = several_ ? wishes_.services.front() : wishes_.name + "-reader";
    add_snippet(Role::kPublish, wishes_.name);
    add_snippet(read_role(), wishes_.name, group);
    if (several_ && wishes_.services.size() > 1) {
      advice_.notes.push_back(
          fmt::format("Every other service runs the reader with a group of its own ({}).",
                      fmt::join(wishes_.services.begin() + 1, wishes_.services.end(), ", ")));
    }
    add_notes_of_stream();
    advice_.looks.emplace_back("weir group ls");
    advice_.see.emplace_back(several_ ? "examples/fan-out" : "examples/stream-consumer");
    if (replay_) advice_.see.emplace_back("examples/replay");
    if (ordered_) advice_.see.emplace_back("examples/order-per-user");
  }

  void stream_to_queues() {
    advice_.headline = ordered_ ? "A stream, and a FIFO queue for each service that works"
                                : "A stream, and a queue for each service that works";
    advice_.reasons = {
        "Several services react, so what happened is said once, on a topic.",
        "For each of them a message is done when one of its workers has processed it: a bridge "
        "gives it a queue with leases, tries and dead letters of its own. Each record becomes "
        "exactly one message."};
    if (replay_) {
      advice_.reasons.emplace_back(
          "Readable again later: the topic keeps the records, whatever becomes of the work.");
    }
    create_topic();
    for (const std::string& service : wishes_.services) {
      const std::string name = fmt::format("{}-{}", wishes_.name, service);
      create_queue(name);
      advice_.commands.push_back(
          fmt::format("weir bridge create {}-to-{} --from topic:{} --to queue:{}", wishes_.name,
                      service, wishes_.name, queue_name(name)));
    }
    const std::string first = fmt::format("{}-{}", wishes_.name, wishes_.services.front());
    add_snippet(Role::kPublish, wishes_.name);
    add_snippet(Role::kWork, queue_name(first));
    advice_.notes.push_back(
        fmt::format("The worker is that of {}; the others differ in the name of their queue.",
                    wishes_.services.front()));
    advice_.notes.emplace_back(
        "A bridge begins at the start of its topic; give it a --filter for a part of the records.");
    if (ordered_) {
      advice_.notes.emplace_back("The record's key becomes the message group.");
    }
    add_notes_of_work();
    advice_.looks.emplace_back("weir bridge ls");
    look_at_queue(first);
    advice_.see.emplace_back("docs/bridges.md");
    advice_.see.emplace_back("examples/fan-out");
  }

  std::string queue_name(const std::string& base) const { return ordered_ ? base + ".fifo" : base; }
  std::string dead_letters_of(const std::string& base) const { return queue_name(base + "-dead"); }

  void create_queue(const std::string& base) {
    advice_.commands.push_back(fmt::format("weir queue create {}", dead_letters_of(base)));
    const bool history = replay_ && advice_.choice == Choice::kQueue;
    advice_.commands.push_back(
        fmt::format("weir queue create {} --lease 1m --max-receives 5 --dead-letter {}{}",
                    queue_name(base), dead_letters_of(base), history ? " --history 7d" : ""));
  }

  // A Redis stream is one log: it is the topic itself when that has one partition.
  void create_topic() {
    const int partitions = wishes_.client == "ioredis" ? 1 : 4;
    advice_.commands.push_back(fmt::format("weir topic create {} --partitions {} --retention {}",
                                           wishes_.name, partitions, replay_ ? "90d" : "7d"));
  }

  Role read_role() const { return ordered_ ? Role::kReadInOrder : Role::kRead; }

  void add_snippet(Role role, const std::string& log, const std::string& group = {}) {
    advice_.snippets.push_back(snippet_for(role, wishes_.client, {log, group}));
    const Snippet& added = advice_.snippets.back();
    if (wishes_.client.empty() || added.client == wishes_.client) return;
    advice_.notes.push_back(fmt::format("{}, so {} is for {}.", why_not(role, wishes_.client),
                                        added.file, added.client));
  }

  // Why `client` has no program for the role.
  static std::string why_not(Role role, std::string_view client) {
    switch (role) {
      case Role::kSend:
      case Role::kSendInOrder:
        return fmt::format("Messages of a FIFO queue are sent through SQS, not through {}", client);
      case Role::kWork:
        return fmt::format("Leases of messages are given through SQS, not through {}", client);
      case Role::kPublish:
      case Role::kRead: return fmt::format("SQS has no topics, and {} speaks SQS", client);
      case Role::kReadInOrder:
        return client == "ioredis" ? "A Redis group keeps no order between its consumers"
                                   : fmt::format("SQS has no topics, and {} speaks SQS", client);
    }
    WEIR_ASSERT(false, "role {}", static_cast<int>(role));
  }

  void add_notes_of_work() {
    advice_.notes.emplace_back(
        "The lease must be longer than the work; a worker that needs longer extends it "
        "(ChangeMessageVisibility).");
    advice_.notes.emplace_back(
        "A worker that dies between its work and the delete leaves a message that comes again: "
        "make the work repeatable.");
    advice_.notes.emplace_back(
        "After five receives a message is a dead letter: look at those, and send them back once "
        "the reason is gone.");
    if (ordered_) {
      advice_.notes.emplace_back(
          "A message that fails holds up its own group, until it is done or a dead letter.");
    }
  }

  void add_notes_of_stream() {
    advice_.notes.emplace_back(
        "A group's place moves on with its commits: commit after the work, and expect some records "
        "twice after a crash.");
    advice_.notes.emplace_back(
        "What is older than the retention is gone, read or not: watch the lag of the groups.");
    if (!ordered_) return;
    advice_.notes.emplace_back(
        "Order holds within a partition, and equal keys share one. More partitions later send keys "
        "elsewhere: choose their number now.");
    advice_.notes.emplace_back(
        "A record that cannot be processed holds up its whole partition: put it aside, on a topic "
        "for such records, and go on.");
  }

  void look_at_queue(const std::string& base) {
    advice_.looks.emplace_back("weir queue ls");
    advice_.looks.push_back(fmt::format("weir queue peek {}", dead_letters_of(base)));
    advice_.looks.push_back(
        fmt::format("weir queue redrive {} {} --dry-run", dead_letters_of(base), queue_name(base)));
  }

  const Wishes& wishes_;
  Advice advice_;
  bool several_;
  bool ordered_;
  bool replay_;
  bool work_;
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

}  // namespace

std::span<const QuestionText, kQuestionCount> questions() {
  return kQuestions;
}

std::optional<Question> next_question(const Answers& answers) {
  for (const QuestionText& one : kQuestions) {
    if (answers.yes(Question::kOnlyACall)) return std::nullopt;
    const bool known =
        one.question == Question::kDoneWhenProcessed && answers.yes(Question::kBackgroundJob);
    if (!known && !answers.get(one.question)) return one.question;
  }
  return std::nullopt;
}

std::optional<bool> yes_or_no(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (lower == "yes" || lower == "y") return true;
  if (lower == "no" || lower == "n") return false;
  return std::nullopt;
}

std::string_view to_string(Choice choice) {
  switch (choice) {
    case Choice::kNeither: return "neither";
    case Choice::kQueue: return "queue";
    case Choice::kStream: return "stream";
    case Choice::kStreamToQueues: return "stream-to-queues";
  }
  WEIR_ASSERT(false, "choice {}", static_cast<int>(choice));
}

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameBytesMax && is_letter(name.front()) &&
         std::ranges::all_of(name, [](char c) {
           return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_';
         });
}

std::span<const std::string_view> clients() {
  return kClients;
}

Advice advise(const Answers& answers, const Wishes& wishes) {
  WEIR_ASSERT(!next_question(answers), "a question is open");
  WEIR_ASSERT(!wishes.services.empty());
  return Advisor(answers, wishes).make();
}

}  // namespace weir::cli
