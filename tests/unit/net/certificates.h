#pragma once
// Certificates for tests, made on the spot in a folder that goes with the object.

#include <filesystem>
#include <string>

namespace weir::net {

class Certificates {
 public:
  // Files, all PEM. The authority signs what is made later, but for `self_signed`.
  struct Made {
    std::string certificate;
    std::string key;
  };

  Certificates();
  ~Certificates();
  Certificates(const Certificates&) = delete;
  Certificates& operator=(const Certificates&) = delete;

  const std::string& authority() const { return authority_.certificate; }
  // For 127.0.0.1, ::1 and localhost; valid from `begins_s` to `ends_s` seconds from now.
  Made make(const std::string& name, long begins_s = -3600, long ends_s = 30L * 86400);
  // A second authority's certificate, which signs nothing.
  Made self_signed(const std::string& name);

  std::string file(const std::string& name, const std::string& text) const;
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

 private:
  std::filesystem::path folder_;
  Made authority_;
};

std::string text_of(const std::string& file);

}  // namespace weir::net
