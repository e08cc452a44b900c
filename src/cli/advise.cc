#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "admin/json.h"
#include "admin/router.h"
#include "cli/advice.h"
#include "cli/command.h"

namespace weir::cli {
namespace {

using admin::JsonList;
using admin::JsonObject;

struct AdviseOptions {
  std::array<std::string, kQuestionCount> answers;  // "yes", "no" or empty
  Wishes wishes;
};

// ---- asking -----------------------------------------------------------------------------------

Answers answers_given(const AdviseOptions& given) {
  Answers answers;
  for (size_t i = 0; i < kQuestionCount; ++i) {
    if (const auto said = yes_or_no(given.answers[i])) {
      answers.set(questions()[i].question, *said);
    }
  }
  return answers;
}

const QuestionText& text_of(Question question) {
  return questions()[static_cast<size_t>(question)];
}

// On the terminal, until nothing is open; false when the input ends before.
bool ask_what_is_open(Answers& answers) {
  while (const auto open = next_question(answers)) {
    fmt::print(stderr, "{} [y/n] ", text_of(*open).text);
    std::string line;
    if (!std::getline(std::cin, line)) {
      fmt::print(stderr, "\n");
      return false;
    }
    if (const auto said = yes_or_no(line)) {
      answers.set(*open, *said);
    } else {
      fmt::print(stderr, "Please answer y or n.\n");
    }
  }
  return true;
}

// Two questions only shorten the way: whoever answers by flags need not mention them.
void assume_no_shortcuts(Answers& answers) {
  for (const Question question : {Question::kOnlyACall, Question::kBackgroundJob}) {
    if (!answers.get(question)) answers.set(question, false);
  }
}

int refuse_open_questions(Answers answers) {
  fmt::print(stderr, "weir: these questions are open:\n");
  while (const auto open = next_question(answers)) {
    fmt::print(stderr, "  --{} yes|no  {}\n", text_of(*open).flag, text_of(*open).text);
    answers.set(*open, false);
  }
  fmt::print(stderr, "See: weir advise --help\n");
  return kNotUnderstood;
}

// ---- telling ----------------------------------------------------------------------------------

constexpr size_t kLineBytes = 96;

// Between words; the lines after the first stand below its text, not below its dash.
void print_sentence(std::string_view text) {
  std::string_view margin = "  - ";
  while (!text.empty()) {
    size_t end = text.size();
    if (end > kLineBytes) end = std::min(text.find_last_of(' ', kLineBytes), end);
    fmt::print("{}{}\n", margin, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    margin = "    ";
  }
}

void print_sentences(std::string_view title, std::span<const std::string> sentences) {
  if (sentences.empty()) return;
  fmt::print("\n{}\n", title);
  for (const std::string& sentence : sentences) print_sentence(sentence);
}

void print_list(std::string_view title, std::span<const std::string> lines) {
  if (lines.empty()) return;
  fmt::print("\n{}\n", title);
  for (const std::string& line : lines) fmt::print("  {}\n", line);
}

void print_program(const Snippet& snippet) {
  fmt::print("\n{} ({})\n\n", snippet.file, snippet.needs);
  std::string_view rest = snippet.code;
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    fmt::print("{}{}\n", line.empty() ? "" : "    ", line);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
}

void print_text(const Advice& advice) {
  fmt::print("{}\n", advice.headline);
  print_sentences("Why", advice.reasons);
  print_list("Create it", advice.commands);
  if (!advice.snippets.empty()) {
    const std::string command = "eval \"$(weir env)\"";
    print_list("Let the programs of this shell find the broker", {&command, 1});
  }
  for (const Snippet& snippet : advice.snippets) print_program(snippet);
  print_sentences("Good to know", advice.notes);
  print_list("Look at it", advice.looks);
  print_list("More", advice.see);
}

std::string json_texts(std::span<const std::string> texts) {
  JsonList list;
  for (const std::string& text : texts) list.raw(admin::json_string(text));
  return list.done();
}

void print_json(const Advice& advice) {
  JsonList programs;
  for (const Snippet& snippet : advice.snippets) {
    JsonObject program;
    program.text("file", snippet.file).text("client", snippet.client).text("needs", snippet.needs);
    programs.raw(program.text("code", snippet.code).done());
  }
  JsonObject out;
  out.text("choice", to_string(advice.choice)).text("headline", advice.headline);
  out.raw("reasons", json_texts(advice.reasons)).raw("commands", json_texts(advice.commands));
  out.raw("programs", programs.done()).raw("notes", json_texts(advice.notes));
  out.raw("looks", json_texts(advice.looks)).raw("see", json_texts(advice.see));
  fmt::print("{}\n", out.done());
}

// Each service gets a queue NAME-SERVICE and, for its dead letters, NAME-SERVICE-dead.
std::string mistake_in_services(std::vector<std::string> services) {
  std::ranges::sort(services);
  if (const auto twice = std::ranges::adjacent_find(services); twice != services.end()) {
    return fmt::format("the service {} is named twice", *twice);
  }
  for (const std::string& service : services) {
    if (service.ends_with("-dead")) {
      return fmt::format("{} would be confused with the dead letters of another", service);
    }
  }
  return {};
}

int run_advise(const Line& line, const AdviseOptions& given) {
  if (const std::string mistake = mistake_in_services(given.wishes.services); !mistake.empty()) {
    fmt::print(stderr, "weir: {}\nSee: weir advise --help\n", mistake);
    return kNotUnderstood;
  }
  Answers answers = answers_given(given);
  if (isatty(STDIN_FILENO) == 1) {
    if (!ask_what_is_open(answers)) return refuse_open_questions(answers);
  } else {
    assume_no_shortcuts(answers);
    if (next_question(answers)) return refuse_open_questions(answers);
  }
  const Advice advice = advise(answers, given.wishes);
  if (line.json) {
    print_json(advice);
  } else {
    print_text(advice);
  }
  return kDone;
}

// ---- options ----------------------------------------------------------------------------------

std::string mistake_in_name(const std::string& name) {
  if (is_plain_name(name)) return {};
  return fmt::format("{} is not a letter and then letters, digits, - or _, {} at most", name,
                     kNameBytesMax);
}

std::vector<std::string> names_of_clients() {
  return {clients().begin(), clients().end()};
}

}  // namespace

void add_advise(CLI::App& app, Line& line) {
  CLI::App* command = add_command(
      app, "advise", "Choose between a queue and a stream, by six questions",
      "  weir advise                      asks\n"
      "  weir advise --background-job yes --several-services no --replay no --order-per-key no\n"
      "  weir advise --done-when-processed no --several-services yes --replay yes "
      "--order-per-key yes --client kafkajs\n"
      "  weir advise --only-a-call yes --json");
  auto given = std::make_shared<AdviseOptions>();
  for (size_t i = 0; i < kQuestionCount; ++i) {
    const QuestionText& one = questions()[i];
    command->add_option(fmt::format("--{}", one.flag), given->answers[i], std::string(one.text))
        ->check(CLI::IsMember({"yes", "no"}));
  }
  command->add_option("--name", given->wishes.name, "what the queue or topic is to be called")
      ->default_str(given->wishes.name)
      ->check(mistake_in_name);
  command
      ->add_option("--services", given->wishes.services,
                   "the services that react, with commas between them")
      ->delimiter(',')
      ->default_str("billing,mail")
      ->check(mistake_in_name);
  command->add_option("--client", given->wishes.client, "what your programs are written with")
      ->check(CLI::IsMember(names_of_clients()));
  add_json_option(*command, line);
  command->callback(
      [&line, given] { line.action = [&line, given] { return run_advise(line, *given); }; });
}

}  // namespace weir::cli
