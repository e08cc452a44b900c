#include "cli/cli.h"

int main(int argc, char** argv, char** environment) {
  return weir::cli::run(argc, argv, environment);
}
