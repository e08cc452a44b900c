// weir-load: puts load on a server and says how it fared. See options.cc for the command line.

#include <cstdio>

#include "bench/load/engine.h"
#include "bench/load/report.h"
#include "bench/load/workload.h"

namespace {

struct Measurement {
  const weir::load::Options& options;
  weir::load::Usage before;
  weir::load::Usage after;
};

void measured(void* context, bool begins) {
  auto& measurement = *static_cast<Measurement*>(context);
  (begins ? measurement.before : measurement.after) =
      weir::load::usage_of(measurement.options.server_pid, measurement.options.device);
}

}  // namespace

int main(int count, char** arguments) {
  using namespace weir::load;
  const Options options = parse_options(count, arguments);
  const auto workload = make_workload(options);
  workload->prepare();
  Measurement measurement{options, {}, {}};
  const Outcome outcome = drive(*workload, options, measured, &measurement);
  const Result result{
      options,           outcome, measurement.before, measurement.after, workload->end_to_end(),
      workload->verify()};
  print_table(result);
  if (!options.json.empty()) {
    std::FILE* file = std::fopen(options.json.c_str(), "w");
    if (file == nullptr) fail_run("cannot write " + options.json);
    std::fprintf(file, "%s\n", to_json(result).c_str());
    std::fclose(file);
  }
  return outcome.failed == 0 && result.verified.empty() ? 0 : 1;
}
