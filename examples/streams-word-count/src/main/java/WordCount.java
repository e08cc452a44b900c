// Counts the words of user-events by minute: topic user-events in, topic words-per-minute out.
//
//     mvn -q compile dependency:copy-dependencies
//     KAFKA_BROKERS=127.0.0.1:9092 java -cp 'target/classes:target/dependency/*' WordCount
//
// A word is anything between characters that are neither letters, digits nor hyphens. The minute is that of the record's
// own time. Processing is at-least-once: every event is counted, and one that was read shortly before the broker or this
// program died may be counted twice. Counts live in a store of this program, and in a topic that brings them back when it starts
// on another machine (APPLICATION_ID-counts-changelog). Several of these programs share the work, if each has a STATE_DIR of its own;
// with GROUP_PROTOCOL=streams the broker shares it out (KIP-1071), else they do so themselves.
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;

public final class WordCount {
  private static final Duration MINUTE = Duration.ofMinutes(1);
  private static final Duration LATE = Duration.ofHours(1); // how much later an event may come and still be counted

  static Topology topology() {
    final var strings = Serdes.String();
    final var builder = new StreamsBuilder();
    builder.stream("user-events", Consumed.with(strings, strings))
        .flatMapValues(text -> Arrays.asList(text.toLowerCase().split("[^\\p{L}\\p{N}-]+")))
        .filter((user, word) -> !word.isEmpty())
        .groupBy((user, word) -> word, Grouped.with(strings, strings))
        .windowedBy(TimeWindows.ofSizeAndGrace(MINUTE, LATE))
        .count(Materialized.as("counts"))
        .toStream()
        .map((word, count) -> KeyValue.pair(Instant.ofEpochMilli(word.window().start()) + " " + word.key(), Long.toString(count)))
        .to("words-per-minute", Produced.with(strings, strings));
    return builder.build();
  }

  static Properties settings() {
    final var settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, setting("APPLICATION_ID", "word-count"));
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, setting("KAFKA_BROKERS", "127.0.0.1:9092"));
    settings.put(StreamsConfig.STATE_DIR_CONFIG, setting("STATE_DIR", "state"));
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.AT_LEAST_ONCE);
    settings.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, 1000);
    settings.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, 1);
    settings.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, setting("GROUP_PROTOCOL", "classic"));
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    return settings;
  }

  private static String setting(String name, String otherwise) {
    final var value = System.getenv(name);
    return value == null ? otherwise : value;
  }

  public static void main(String[] arguments) throws InterruptedException {
    final var streams = new KafkaStreams(topology(), settings());
    final var ended = new CountDownLatch(1);
    streams.setStateListener((now, before) -> System.out.println(now));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> {
      streams.close(Duration.ofSeconds(10)); // commits what is done and leaves the group
      ended.countDown();
    }));
    streams.start();
    ended.await();
  }
}
