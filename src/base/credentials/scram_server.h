#pragma once
// The server's side of one SCRAM exchange (RFC 5802), without channel binding: client-first,
// server-first, client-final, server-final. Pure; one exchange, one object, one thread at a time.
//
//   const auto name = scram.begin(client_first);            // look the user up
//   send(scram.challenge(credential, to_base64(random_bytes(24))));
//   const auto last = scram.finish(client_final);           // the user is who he says, or an error

#include <string>

#include "base/bytes.h"
#include "base/credentials/scram.h"
#include "base/error.h"

namespace weir {

class ScramServer {
 public:
  explicit ScramServer(ScramHash hash) : hash_(hash) {}

  // The user's name. kInvalidArgument: the message is not understood, or wants what is not there.
  Result<std::string> begin(ByteView client_first);
  // What stands behind the name and the nonce: "key=value,..." Extensions that are not understood
  // may be passed over (RFC 5802, section 5.1).
  ByteView extensions() const { return extensions_; }
  // The message that asks for the proof. `nonce`: the server's, printable and without a comma.
  std::string challenge(ScramCredential credential, ByteView nonce);
  // The last message. kInvalidArgument: not understood; kRefused: the proof is wrong.
  Result<std::string> finish(ByteView client_final) const;

 private:
  ScramHash hash_;
  ScramCredential credential_;
  std::string gs2_header_;
  std::string client_first_bare_;
  std::string client_nonce_;
  std::string extensions_;
  std::string server_first_;
};

// What a user who does not exist is asked with, so that nobody learns that: the same for the same
// name and secret, and no proof fits it.
ScramCredential decoy_credential(ScramHash hash, ByteView name, ByteView secret);

}  // namespace weir
