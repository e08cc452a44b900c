#pragma once
// The command line. Data goes to standard output, messages to standard error. Exit codes: 0 done,
// 1 it failed, 2 it was not understood.

namespace weir::cli {

int run(int argc, char** argv, char** environment);

}  // namespace weir::cli
