package weir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.net.URI;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.http.urlconnection.UrlConnectionHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.sqs.SqsAsyncClient;
import software.amazon.awssdk.services.sqs.SqsClient;
import software.amazon.awssdk.services.sqs.batchmanager.SqsAsyncBatchManager;
import software.amazon.awssdk.services.sqs.model.*;

/** Every action of SQS through AWS SDK for Java v2, which checks the MD5 of bodies and attributes. */
class SqsTest {
  private static final URI ENDPOINT = URI.create(System.getenv("SQS_ENDPOINT"));
  private static final StaticCredentialsProvider KEYS =
      StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "secret"));

  private final SqsClient sqs =
      SqsClient.builder()
          .endpointOverride(ENDPOINT)
          .region(Region.US_EAST_1)
          .credentialsProvider(KEYS)
          .httpClientBuilder(UrlConnectionHttpClient.builder())
          .build();
  private final List<String> made = new ArrayList<>();

  @AfterEach
  void deleteQueues() {
    made.forEach(url -> sqs.deleteQueue(b -> b.queueUrl(url)));
    sqs.close();
  }

  private String queue(Map<String, String> attributes, String suffix) {
    final String name = "j-" + UUID.randomUUID() + suffix;
    made.add(
        sqs.createQueue(b -> b.queueName(name).attributesWithStrings(attributes)).queueUrl());
    return made.get(made.size() - 1);
  }

  private String attribute(String url, QueueAttributeName name) {
    return sqs.getQueueAttributes(b -> b.queueUrl(url).attributeNames(name))
        .attributes()
        .get(name);
  }

  private List<Message> receive(String url, int count) {
    final List<Message> messages = new ArrayList<>();
    for (int polls = 0; polls < 20 && messages.size() < count; ++polls) {
      messages.addAll(
          sqs.receiveMessage(
                  b ->
                      b.queueUrl(url)
                          .maxNumberOfMessages(10)
                          .waitTimeSeconds(1)
                          .messageAttributeNames("All")
                          .messageSystemAttributeNames(MessageSystemAttributeName.ALL))
              .messages());
    }
    assertEquals(count, messages.size());
    return messages;
  }

  private void send(String url, String body) {
    sqs.sendMessage(b -> b.queueUrl(url).messageBody(body));
  }

  @Test
  void queuesAreMadeListedAndDeleted() {
    final String url = queue(Map.of("VisibilityTimeout", "45"), "");
    final String name = url.substring(url.lastIndexOf('/') + 1);
    assertEquals(url, sqs.getQueueUrl(b -> b.queueName(name)).queueUrl());
    final List<String> listed =
        sqs.listQueuesPaginator(b -> b.queueNamePrefix(name).maxResults(1)).queueUrls().stream()
            .collect(Collectors.toList());
    assertEquals(List.of(url), listed);
    assertThrows(
        QueueNameExistsException.class,
        () ->
            sqs.createQueue(
                b -> b.queueName(name).attributesWithStrings(Map.of("VisibilityTimeout", "46"))));
    sqs.deleteQueue(b -> b.queueUrl(made.remove(0)));
    final var gone =
        assertThrows(
            QueueDoesNotExistException.class, () -> sqs.getQueueUrl(b -> b.queueName(name)));
    assertEquals("AWS.SimpleQueueService.NonExistentQueue", gone.awsErrorDetails().errorCode());
  }

  @Test
  void attributesAreSetAndShown() {
    final String url = queue(Map.of(), "");
    sqs.setQueueAttributes(
        b -> b.queueUrl(url).attributesWithStrings(Map.of("DelaySeconds", "2")));
    assertEquals("2", attribute(url, QueueAttributeName.DELAY_SECONDS));
    assertThrows(
        InvalidAttributeValueException.class,
        () ->
            sqs.setQueueAttributes(
                b -> b.queueUrl(url).attributesWithStrings(Map.of("DelaySeconds", "901"))));
  }

  @Test
  void aMessageGoesFromSendingToDeleting() {
    final String url = queue(Map.of("VisibilityTimeout", "300"), "");
    final var number = MessageAttributeValue.builder().dataType("Number").stringValue("7").build();
    final var bytes =
        MessageAttributeValue.builder()
            .dataType("Binary.raw")
            .binaryValue(SdkBytes.fromByteArray(new byte[] {0, -1}))
            .build();
    final var sent =
        sqs.sendMessage(
            b ->
                b.queueUrl(url)
                    .messageBody("grüße \uD83D\uDE00")
                    .messageAttributes(Map.of("n", number, "b", bytes)));
    final Message message = receive(url, 1).get(0);
    assertEquals(sent.messageId(), message.messageId());
    assertEquals("grüße \uD83D\uDE00", message.body());
    assertEquals(bytes.binaryValue(), message.messageAttributes().get("b").binaryValue());
    sqs.changeMessageVisibility(
        b -> b.queueUrl(url).receiptHandle(message.receiptHandle()).visibilityTimeout(0));
    final Message again = receive(url, 1).get(0);
    assertEquals(
        "2", again.attributes().get(MessageSystemAttributeName.APPROXIMATE_RECEIVE_COUNT));
    sqs.deleteMessage(b -> b.queueUrl(url).receiptHandle(again.receiptHandle()));
    assertEquals(
        "0", attribute(url, QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES_NOT_VISIBLE));
    assertThrows(
        ReceiptHandleIsInvalidException.class,
        () -> sqs.deleteMessage(b -> b.queueUrl(url).receiptHandle("garbage")));
  }

  @Test
  void batchesFailInParts() {
    final String url = queue(Map.of("MaximumMessageSize", "1024"), "");
    final List<SendMessageBatchRequestEntry> entries =
        List.of("a", "b", "x".repeat(1025)).stream()
            .map(
                body ->
                    SendMessageBatchRequestEntry.builder()
                        .id("id" + body.length() + body.charAt(0))
                        .messageBody(body)
                        .build())
            .collect(Collectors.toList());
    final var sent = sqs.sendMessageBatch(b -> b.queueUrl(url).entries(entries));
    assertEquals(2, sent.successful().size());
    assertEquals("id1025x", sent.failed().get(0).id());
    assertTrue(sent.failed().get(0).senderFault());
    final List<Message> messages = receive(url, 2);
    final var changed =
        sqs.changeMessageVisibilityBatch(
            b ->
                b.queueUrl(url)
                    .entries(
                        messages.stream()
                            .map(
                                m ->
                                    ChangeMessageVisibilityBatchRequestEntry.builder()
                                        .id(m.body())
                                        .receiptHandle(m.receiptHandle())
                                        .visibilityTimeout(60)
                                        .build())
                            .collect(Collectors.toList())));
    final var deleted =
        sqs.deleteMessageBatch(
            b ->
                b.queueUrl(url)
                    .entries(
                        messages.stream()
                            .map(
                                m ->
                                    DeleteMessageBatchRequestEntry.builder()
                                        .id(m.body())
                                        .receiptHandle(m.receiptHandle())
                                        .build())
                            .collect(Collectors.toList())));
    assertEquals(2, changed.successful().size());
    assertEquals(2, deleted.successful().size());
    assertThrows(
        EmptyBatchRequestException.class,
        () -> sqs.sendMessageBatch(b -> b.queueUrl(url).entries(List.of())));
  }

  @Test
  void aPurgeEmptiesTheQueue() {
    final String url = queue(Map.of(), "");
    send(url, "x");
    sqs.purgeQueue(b -> b.queueUrl(url));
    assertEquals("0", attribute(url, QueueAttributeName.APPROXIMATE_NUMBER_OF_MESSAGES));
  }

  @Test
  void tagsComeAndGo() {
    final String url = queue(Map.of(), "");
    sqs.tagQueue(b -> b.queueUrl(url).tags(Map.of("a", "1", "b", "")));
    sqs.untagQueue(b -> b.queueUrl(url).tagKeys("a"));
    assertEquals(Map.of("b", ""), sqs.listQueueTags(b -> b.queueUrl(url)).tags());
  }

  @Test
  void permissionsComeAndGo() {
    final String url = queue(Map.of(), "");
    sqs.addPermission(
        b -> b.queueUrl(url).label("l").awsAccountIds("111122223333").actions("SendMessage"));
    assertTrue(attribute(url, QueueAttributeName.POLICY).contains("111122223333:root"));
    sqs.removePermission(b -> b.queueUrl(url).label("l"));
    assertEquals(null, attribute(url, QueueAttributeName.POLICY));
  }

  @Test
  void deadLettersAreRedriven() {
    final String dead = queue(Map.of(), "-dead");
    final String source = attribute(dead, QueueAttributeName.QUEUE_ARN);
    final String policy =
        String.format("{\"deadLetterTargetArn\":\"%s\",\"maxReceiveCount\":1}", source);
    final String url = queue(Map.of("VisibilityTimeout", "0", "RedrivePolicy", policy), "");
    assertEquals(
        List.of(url),
        sqs.listDeadLetterSourceQueuesPaginator(b -> b.queueUrl(dead)).queueUrls().stream()
            .collect(Collectors.toList()));
    send(url, "x");
    receive(url, 1);
    assertFalse(sqs.receiveMessage(b -> b.queueUrl(url)).hasMessages());
    assertFalse(sqs.startMessageMoveTask(b -> b.sourceArn(source)).taskHandle().isEmpty());
    assertEquals("x", receive(url, 1).get(0).body());
    assertEquals(
        source, sqs.listMessageMoveTasks(b -> b.sourceArn(source)).results().get(0).sourceArn());
  }

  @Test
  void aMoveTaskIsCancelled() {
    final String dead = queue(Map.of(), "-dead");
    final String source = attribute(dead, QueueAttributeName.QUEUE_ARN);
    final String policy =
        String.format("{\"deadLetterTargetArn\":\"%s\",\"maxReceiveCount\":1}", source);
    final String target =
        attribute(queue(Map.of("RedrivePolicy", policy), ""), QueueAttributeName.QUEUE_ARN);
    IntStream.range(0, 3).forEach(i -> send(dead, "x"));
    final String task =
        sqs.startMessageMoveTask(
                b -> b.sourceArn(source).destinationArn(target).maxNumberOfMessagesPerSecond(1))
            .taskHandle();
    final long moved =
        sqs.cancelMessageMoveTask(b -> b.taskHandle(task)).approximateNumberOfMessagesMoved();
    assertTrue(moved <= 3);
  }

  @Test
  void aFifoQueueDeduplicatesAndKeepsOrder() {
    final String url =
        queue(Map.of("FifoQueue", "true", "ContentBasedDeduplication", "true"), ".fifo");
    final List<String> numbers =
        List.of("1", "2", "2", "3").stream()
            .map(
                body ->
                    sqs.sendMessage(b -> b.queueUrl(url).messageBody(body).messageGroupId("g"))
                        .sequenceNumber())
            .collect(Collectors.toList());
    assertEquals(numbers.get(1), numbers.get(2));
    assertEquals(
        List.of("1", "2", "3"),
        receive(url, 3).stream().map(Message::body).collect(Collectors.toList()));
  }

  @Test
  void theBatchingClientSendsAndReceives() throws Exception {
    final String url = queue(Map.of(), "");
    try (var client =
            SqsAsyncClient.builder()
                .endpointOverride(ENDPOINT)
                .region(Region.US_EAST_1)
                .credentialsProvider(KEYS)
                .httpClientBuilder(NettyNioAsyncHttpClient.builder())
                .build();
        var batching =
            SqsAsyncBatchManager.builder()
                .client(client)
                .scheduledExecutor(Executors.newScheduledThreadPool(1))
                .build()) {
      final var sends =
          IntStream.range(0, 25)
              .mapToObj(
                  i -> batching.sendMessage(b -> b.queueUrl(url).messageBody(Integer.toString(i))))
              .collect(Collectors.toList());
      for (final var sent : sends) sent.get(20, TimeUnit.SECONDS);
      int received = 0;
      final long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (received < 25 && System.nanoTime() < end) {
        final var answer =
            batching.receiveMessage(b -> b.queueUrl(url).maxNumberOfMessages(10));
        received += answer.get(20, TimeUnit.SECONDS).messages().size();
      }
      assertEquals(25, received);
    }
  }
}
