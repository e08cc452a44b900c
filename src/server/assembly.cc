#include "server/assembly.h"

#include <fmt/format.h>

#include <atomic>
#include <latch>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "admin/api.h"
#include "admin/cdc.h"
#include "admin/health.h"
#include "admin/metrics.h"
#include "admin/router.h"
#include "base/assert.h"
#include "base/credentials/scram.h"
#include "base/metrics.h"
#include "connectors/manager.h"
#include "net/connection_shard.h"
#include "net/http.h"
#include "net/listener.h"
#include "protocols/kafka/sasl/token_keys.h"
#include "protocols/kafka/service.h"
#include "protocols/redis/front_end.h"
#include "protocols/sqs/sqs.h"
#include "runtime/shard.h"
#include "server/kafka_listeners.h"
#include "server/ports_file.h"
#include "server/protocol.h"
#include "server/state_shard.h"
#include "server/tls.h"

namespace weir::server {
namespace {

// Up to here one thread does everything; beyond, one per core (the first also owns the state).
constexpr unsigned kCoresForOneShard = 2;
// Where local emulators of SQS have listened for years.
constexpr uint16_t kAwsAlias = 9324;

size_t shard_count(const Settings& settings) {
  if (settings.shards > 0) return settings.shards;
  const unsigned cores = std::thread::hardware_concurrency();
  return cores <= kCoresForOneShard ? 1 : cores;
}

const Option& option_of(std::string_view key) {
  for (const Option& option : options()) {
    if (option.key == key) return option;
  }
  WEIR_ASSERT(false, "no option has the key {}", key);
}

kafka::Sasl sasl_of(std::string_view value) {
  return value == "required"   ? kafka::Sasl::kRequired
         : value == "optional" ? kafka::Sasl::kOptional
                               : kafka::Sasl::kOff;
}

kafka::Config kafka_config(const Settings& settings, std::vector<std::string> super_users) {
  kafka::Config config;
  config.listener = {.advertised_host = settings.kafka_advertised_host,
                     .advertised_port = static_cast<uint16_t>(settings.kafka_advertised_port),
                     .sasl = sasl_of(settings.kafka_sasl)};
  config.auto_create_topics = settings.kafka_auto_create_topics == "on";
  config.default_partitions = static_cast<int32_t>(settings.kafka_default_partitions);
  config.sasl_mechanisms = words_of(settings.kafka_sasl_mechanisms);
  config.session_lifetime = Milliseconds(static_cast<int64_t>(settings.kafka_session_lifetime_ms));
  config.delegation_token_max_lifetime =
      Milliseconds(static_cast<int64_t>(settings.kafka_delegation_token_max_lifetime_ms));
  config.delegation_token_expiry =
      Milliseconds(static_cast<int64_t>(settings.kafka_delegation_token_expiry_ms));
  config.access = settings.kafka_access == "allow"  ? kafka::Unruled::kAllow
                  : settings.kafka_access == "deny" ? kafka::Unruled::kDeny
                                                    : kafka::Unruled::kAllowIfNoRules;
  config.super_users = std::move(super_users);
  config.group_initial_rebalance_delay =
      Milliseconds(static_cast<int64_t>(settings.kafka_group_initial_delay_ms));
  return config;
}

admin::QueueBounds queue_bounds(const Settings& settings) {
  return {.delay_ms = static_cast<int64_t>(settings.queue_delay_max_s) * 1000,
          .message_bytes = static_cast<int64_t>(settings.queue_message_bytes_max)};
}

sqs::Config sqs_config(const Settings& settings) {
  return {.delay_seconds_max = static_cast<int64_t>(settings.queue_delay_max_s),
          .message_bytes_max = settings.queue_message_bytes_max,
          .strict = settings.aws_strict,
          .credentials = {}};
}

// A message may be several times as long in JSON.
net::HttpLimits admin_limits(const Settings& settings) {
  return {.body_bytes_max = (size_t{4} << 20) + 4 * settings.queue_message_bytes_max};
}

}  // namespace

// Members in the order of their making; destroyed in reverse, after stop().
struct Assembly::State {
  State(Options chosen, runtime::Logger& log)
      : options(std::move(chosen)), logger(log), router(is_loopback(options.settings.address)) {}

  Result<> start();
  Result<> load_tls();
  void start_shards();
  Result<> open_state();
  Result<> make_first_user();
  Result<std::vector<Protocol>> make_protocols();
  Result<> add_kafka_listeners(std::vector<Protocol>& protocols) const;
  Result<std::unique_ptr<sqs::FrontEnd>> make_sqs(const Settings& settings);
  Result<> open(Protocol protocol);
  Result<std::unique_ptr<net::Listener>> listen(const Protocol& protocol, PortSetting port);
  void open_alias(const Protocol& protocol);
  Result<> load_token_keys();
  void reload_credentials();
  void stop();

  const Options options;
  runtime::Logger& logger;
  MetricRegistry metrics;
  admin::Health health;
  admin::Ports ports;
  std::set<std::string> tls_ports;
  std::vector<std::string> notes;
  std::atomic<bool> serving{false};

  std::vector<std::unique_ptr<runtime::Shard>> shards;
  std::vector<std::unique_ptr<net::ConnectionShard>> connections;
  runtime::WallClock clock;
  std::vector<std::string> super_users;
  TlsListeners tls;
  std::unique_ptr<StateShard> state;  // on shards.front(); gone before the shards stop
  std::unique_ptr<connectors::Manager> captures;
  std::unique_ptr<sqs::FrontEnd> sqs;
  std::unique_ptr<redis::FrontEnd> redis;
  std::unique_ptr<kafka::Service> kafka;
  admin::Router router;
  std::vector<std::unique_ptr<net::Listener>> listeners;
  bool stopped = false;
};

Result<> Assembly::State::start() {
  if (auto loaded = load_tls(); !loaded) return loaded;
  start_shards();
  if (auto opened = open_state(); !opened) return opened;
  if (auto made = make_first_user(); !made) return made;
  admin::register_process_metrics(metrics, options.version);
  admin::add_process_endpoints(router, health, ports, options.version);
  admin::add_listeners_endpoint(router, ports, tls_ports);
  captures = std::make_unique<connectors::Manager>(state->broker(), clock, logger);
  admin::add_metrics_endpoint(
      router, metrics, state->broker(), clock,
      [this](const broker::Broker& broker) { return admin::cdc_metrics(broker, *captures); });
  admin::add_broker_endpoints(router, state->broker(), clock, queue_bounds(options.settings));
  admin::add_cdc_endpoints(router, state->broker(), *captures);
  health.add("listeners", [this] { return serving ? std::string() : "not every port is open"; });
  auto protocols = make_protocols();
  if (!protocols) return std::unexpected(protocols.error());
  for (Protocol& protocol : *protocols) {
    if (protocol.port.off) continue;
    if (auto opened = open(std::move(protocol)); !opened) return opened;
  }
  // From here on nothing that connections read is changed any more.
  serving = true;
  state->broker().shard().run_and_wait([this] { captures->start(); });
  for (const auto& listener : listeners) listener->start();
  if (options.settings.ports_file.empty()) return {};
  return write_ports_file(options.settings.ports_file, admin::ports_json(ports));
}

Result<> Assembly::State::load_tls() {
  const auto warnings = tls.load(options.settings, clock.now(), logger);
  if (!warnings) return std::unexpected(warnings.error());
  notes.insert(notes.end(), warnings->begin(), warnings->end());
  return {};
}

void Assembly::State::start_shards() {
  const size_t count = shard_count(options.settings);
  for (size_t i = 0; i < count; ++i) {
    const auto index = static_cast<uint32_t>(i);
    shards.push_back(std::make_unique<runtime::Shard>(index, fmt::format("weir-{}", index)));
    connections.push_back(std::make_unique<net::ConnectionShard>(*shards.back()));
  }
  for (const auto& shard : shards) shard->start();
}

Result<> Assembly::State::open_state() {
  std::vector<net::ConnectionShard*> targets;
  targets.reserve(connections.size());
  for (const auto& shard : connections) targets.push_back(shard.get());
  std::random_device device;
  const uint64_t seed = uint64_t{device()} << 32 | device();
  auto opened = StateShard::open(
      {.data = options.settings.data,
       .salvage = options.settings.salvage,
       .file_bytes = options.settings.storage_file_bytes,
       .checkpoint_bytes = options.settings.storage_checkpoint_bytes,
       .maintenance_every =
           Milliseconds(static_cast<int64_t>(options.settings.storage_maintenance_ms)),
       .seed = seed},
      *shards.front(), std::move(targets), clock, logger);
  if (!opened) return std::unexpected(opened.error());
  state = std::move(*opened);
  health.add("storage", [this] { return state->problem(); });
  register_state_metrics(metrics, *state);
  return {};
}

// So that a fresh broker that demands a login lets somebody in.
Result<> Assembly::State::make_first_user() {
  super_users = words_of(options.settings.super_users);
  if (options.settings.first_user.empty()) return {};
  auto first = read_first_user(options.settings.first_user);
  if (!first) return std::unexpected(first.error());
  super_users.push_back(first->name);
  Result<> made;
  state->broker().shard().run_and_wait([&] {
    broker::Broker& broker = state->broker().here();
    if (broker.catalog().access().find_user(first->name)) return;
    catalog::User user;
    user.name = first->name;
    user.credentials = credentials_of(first->password);
    if (const auto put = broker.put_user(user, clock.now()); !put) {
      made = std::unexpected(put.error());
    }
  });
  return made;
}

Result<std::unique_ptr<sqs::FrontEnd>> Assembly::State::make_sqs(const Settings& settings) {
  sqs::Config config = sqs_config(settings);
  const std::string& file = settings.aws_credentials;
  if (!file.empty()) {
    auto text = read_file(file);
    if (!text) return std::unexpected(text.error());
    config.credentials = std::move(*text);
    if (config.credentials.empty()) config.credentials = "\n";  // no keys: refused, not ignored
  }
  auto handler = sqs::make_handler(state->broker(), clock, config);
  if (!handler) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", file, handler.error().message));
  }
  return handler;
}

// Every protocol that exists is named here, and nowhere else in the server.
Result<std::vector<Protocol>> Assembly::State::make_protocols() {
  const Settings& settings = options.settings;
  const net::HttpLimits http_limits = admin_limits(settings);
  std::vector<Protocol> protocols;
  kafka =
      std::make_unique<kafka::Service>(state->broker(), clock, kafka_config(settings, super_users));
  if (auto loaded = load_token_keys(); !loaded) return std::unexpected(loaded.error());
  kafka->metrics().register_in(metrics);
  protocols.push_back({.name = "kafka",
                       .option = "kafka.port",
                       .port = settings.kafka_port,
                       .limits = kafka->connection_limits(),
                       .factory = kafka->sessions()});
  if (auto added = add_kafka_listeners(protocols); !added) return std::unexpected(added.error());
  auto handler = make_sqs(settings);
  if (!handler) return std::unexpected(handler.error());
  sqs = std::move(*handler);
  protocols.push_back(
      {.name = "aws",
       .option = "aws.port",
       .port = settings.aws_port,
       .alias = settings.aws_port.number == Settings().aws_port.number ? std::optional(kAwsAlias)
                                                                       : std::nullopt,
       .limits = net::http_connection_limits(sqs::http_limits(sqs_config(settings))),
       .factory = net::http_sessions(*sqs, sqs::http_limits(sqs_config(settings)))});
  redis = std::make_unique<redis::FrontEnd>(
      state->broker(), clock,
      redis::ServiceOptions{
          .weir_version = options.version,
          .login = {.required = settings.redis_auth == "required", .super_users = super_users}});
  protocols.push_back({.name = "redis",
                       .option = "redis.port",
                       .port = settings.redis_port,
                       .limits = redis->limits(),
                       .factory = redis->factory(),
                       .opened = [this](uint16_t port) { redis->opened(port); }});
  protocols.push_back({.name = "http",
                       .option = "http.port",
                       .port = settings.http_port,
                       .limits = net::http_connection_limits(http_limits),
                       .factory = net::http_sessions(router, http_limits)});
  return protocols;
}

Result<> Assembly::State::add_kafka_listeners(std::vector<Protocol>& protocols) const {
  const auto further = kafka_listeners(options.settings);
  if (!further) return std::unexpected(further.error());
  for (const KafkaListener& listener : *further) {
    protocols.push_back({.name = listener.port_name(),
                         .option = std::string(kKafkaListenersKey),
                         .address = listener.address,
                         .port = {.number = listener.port},
                         .limits = kafka->connection_limits(),
                         .factory = kafka->sessions({.advertised_host = listener.advertised_host,
                                                     .advertised_port = listener.advertised_port,
                                                     .sasl = sasl_of(listener.sasl)})});
  }
  return {};
}

Result<std::unique_ptr<net::Listener>> Assembly::State::listen(const Protocol& protocol,
                                                               PortSetting port) {
  net::ListenerOptions listener{
      .name = protocol.name,
      .option = flag_of(option_of(protocol.option)),
      .address = protocol.address.empty() ? options.settings.address : protocol.address,
      .port = port.number,
      .connections_max = options.settings.connections_max,
      .connections_per_address_max = options.settings.connections_per_address_max,
      .limits = protocol.limits,
      .tls = tls.server(protocol.name)};
  std::vector<net::ConnectionShard*> targets;
  targets.reserve(connections.size());
  for (const auto& shard : connections) targets.push_back(shard.get());
  return net::Listener::open(listener, std::move(targets), protocol.factory);
}

Result<> Assembly::State::open(Protocol protocol) {
  auto listener = listen(protocol, protocol.port);
  const bool busy = !listener && listener.error().code == ErrorCode::kAlreadyExists;
  if (busy && options.interactive && !options.settings.configured(protocol.option)) {
    listener = listen(protocol, {.number = 0});
    if (listener) {
      notes.push_back(fmt::format("port {} is in use: {} listens on {} instead",
                                  protocol.port.number, protocol.name, (*listener)->port()));
    }
  }
  if (!listener) return std::unexpected(listener.error());
  if (!(*listener)->note().empty()) notes.push_back((*listener)->note());
  (*listener)->metrics()->register_in(metrics, protocol.name);
  ports[protocol.name] = (*listener)->address();
  if (tls.server(protocol.name)) tls_ports.insert(protocol.name);
  if (protocol.opened) protocol.opened((*listener)->port());
  if (protocol.alias && (*listener)->port() == protocol.port.number) open_alias(protocol);
  listeners.push_back(std::move(*listener));
  return {};
}

void Assembly::State::open_alias(const Protocol& protocol) {
  auto alias = listen(protocol, {.number = *protocol.alias});
  if (!alias) {
    notes.push_back(fmt::format("port {} is in use: {} listens on {} only", *protocol.alias,
                                protocol.name, protocol.port.number));
    return;
  }
  (*alias)->metrics()->register_in(metrics, protocol.name);
  listeners.push_back(std::move(*alias));
}

Result<> Assembly::State::load_token_keys() {
  const Settings& settings = options.settings;
  const std::string& file = settings.kafka_token_keys;
  if (file.empty()) return {};
  auto text = read_file(file);
  if (!text) return std::unexpected(text.error());
  auto keys = kafka::TokenKeys::parse(
      *text, {.issuer = settings.kafka_token_issuer, .audience = settings.kafka_token_audience});
  if (!keys) {
    return fail(ErrorCode::kInvalidArgument, fmt::format("{}: {}", file, keys.error().message));
  }
  kafka->set_token_keys(std::move(*keys));
  return {};
}

void Assembly::State::reload_credentials() {
  if (!options.settings.kafka_token_keys.empty()) {
    if (const auto loaded = load_token_keys(); !loaded) {
      logger.error("server", "the keys of tokens stay as they were",
                   {{"reason", loaded.error().message}});
    } else {
      logger.info("server", "keys of tokens loaded", {{"file", options.settings.kafka_token_keys}});
    }
  }
  const std::string& file = options.settings.aws_credentials;
  if (file.empty()) return;
  const auto text = read_file(file);
  const auto loaded = text ? sqs->reload_credentials(*text) : std::unexpected(text.error());
  if (loaded) return logger.info("server", "credentials loaded", {{"file", file}});
  logger.error("server", "the credentials stay as they were",
               {{"file", file}, {"reason", loaded.error().message}});
}

void Assembly::State::stop() {
  if (std::exchange(stopped, true)) return;
  serving = false;
  if (!options.settings.ports_file.empty()) remove_ports_file(options.settings.ports_file);
  const bool running = !shards.empty();
  if (running) {
    if (captures) captures->stop();
    if (state) state->stop_waiting();
    for (const auto& listener : listeners) listener->close();
    // Shared: the last shard may still be inside count_down() when the wait ends.
    const auto closed = std::make_shared<std::latch>(static_cast<ptrdiff_t>(connections.size()));
    const Milliseconds grace(static_cast<int64_t>(options.settings.stop_grace_ms));
    for (const auto& connection_shard : connections) {
      net::ConnectionShard* target = connection_shard.get();
      target->shard().post([target, grace, closed] {
        target->close_all(grace, [closed] { closed->count_down(); });
      });
    }
    closed->wait();
  }
  redis.reset();
  if (state) {
    state->close(Milliseconds(static_cast<int64_t>(options.settings.stop_grace_ms)));
    state.reset();
  }
  for (const auto& shard : shards) shard->stop();
}

Assembly::Assembly(std::unique_ptr<State> state) : state_(std::move(state)) {}
Assembly::~Assembly() {
  stop();
}

Result<std::unique_ptr<Assembly>> Assembly::start(Options options, runtime::Logger& logger) {
  auto state = std::make_unique<State>(std::move(options), logger);
  auto assembly = std::unique_ptr<Assembly>(new Assembly(std::move(state)));
  if (auto started = assembly->state_->start(); !started) {
    return std::unexpected(started.error());
  }
  return assembly;
}

void Assembly::stop() {
  state_->stop();
}
void Assembly::reload() {
  state_->tls.reload(state_->clock.now(), state_->logger);
  state_->reload_credentials();
}
const admin::Ports& Assembly::ports() const {
  return state_->ports;
}
bool Assembly::speaks_tls(const std::string& protocol) const {
  return state_->tls_ports.contains(protocol);
}
const std::vector<std::string>& Assembly::notes() const {
  return state_->notes;
}

}  // namespace weir::server
