// Package sqs_test uses every action of SQS through AWS SDK for Go v2, which checks the MD5 of what it sends and receives.
package sqs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

type fixture struct {
	*testing.T
	client *sqs.Client
	ctx    context.Context
}

func start(t *testing.T) fixture {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	client := sqs.New(sqs.Options{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(os.Getenv("SQS_ENDPOINT")),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "secret"}, nil
		}),
		RetryMaxAttempts: 1,
	})
	return fixture{t, client, ctx}
}

func must[V any](value V, err error) func(fixture) V {
	return func(f fixture) V {
		f.Helper()
		if err != nil {
			f.Fatal(err)
		}
		return value
	}
}

func (f fixture) check(holds bool, what string, about ...any) {
	f.Helper()
	if !holds {
		f.Fatalf(what, about...)
	}
}

// queue makes a queue under an unused name, which goes when the test ends.
func (f fixture) queue(attributes map[string]string, suffix string) *string {
	f.Helper()
	name := strings.ReplaceAll(fmt.Sprintf("go-%s-%d%s", f.Name(), time.Now().UnixNano(), suffix), "/", "-")
	url := must(f.client.CreateQueue(f.ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes}))(f).QueueUrl
	f.Cleanup(func() {
		f.client.DeleteQueue(context.Background(), &sqs.DeleteQueueInput{QueueUrl: url})
	})
	return url
}

func (f fixture) attribute(url *string, name types.QueueAttributeName) string {
	f.Helper()
	input := sqs.GetQueueAttributesInput{QueueUrl: url, AttributeNames: []types.QueueAttributeName{name}}
	return must(f.client.GetQueueAttributes(f.ctx, &input))(f).Attributes[string(name)]
}

func (f fixture) send(url *string, body string) *sqs.SendMessageOutput {
	f.Helper()
	return must(f.client.SendMessage(f.ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: &body}))(f)
}

func (f fixture) receive(url *string, count int) []types.Message {
	f.Helper()
	var messages []types.Message
	for len(messages) < count {
		messages = append(messages, must(f.client.ReceiveMessage(f.ctx, &sqs.ReceiveMessageInput{
			QueueUrl: url, MaxNumberOfMessages: 10, WaitTimeSeconds: 2,
			MessageAttributeNames:       []string{"All"},
			MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		}))(f).Messages...)
	}
	f.check(len(messages) == count, "%d messages instead of %d", len(messages), count)
	return messages
}

func TestCreateListAndDeleteQueues(t *testing.T) {
	f := start(t)
	url := f.queue(map[string]string{"VisibilityTimeout": "45"}, "")
	name := (*url)[strings.LastIndex(*url, "/")+1:]
	f.check(*must(f.client.GetQueueUrl(f.ctx, &sqs.GetQueueUrlInput{QueueName: &name}))(f).QueueUrl == *url, "another address")
	pages := sqs.NewListQueuesPaginator(f.client, &sqs.ListQueuesInput{QueueNamePrefix: &name, MaxResults: aws.Int32(1)})
	page := must(pages.NextPage(f.ctx))(f)
	f.check(len(page.QueueUrls) == 1 && page.QueueUrls[0] == *url, "listed: %v", page.QueueUrls)
	_, err := f.client.CreateQueue(f.ctx, &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{"VisibilityTimeout": "46"}})
	var exists *types.QueueNameExists
	f.check(errors.As(err, &exists), "%v", err)
	must(f.client.DeleteQueue(f.ctx, &sqs.DeleteQueueInput{QueueUrl: url}))(f)
	_, err = f.client.GetQueueUrl(f.ctx, &sqs.GetQueueUrlInput{QueueName: &name})
	var gone *types.QueueDoesNotExist
	f.check(errors.As(err, &gone), "%v", err)
}

func TestSetQueueAttributes(t *testing.T) {
	f := start(t)
	url := f.queue(nil, "")
	must(f.client.SetQueueAttributes(f.ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"DelaySeconds": "2"}}))(f)
	f.check(f.attribute(url, "DelaySeconds") == "2", "not set")
	_, err := f.client.SetQueueAttributes(f.ctx, &sqs.SetQueueAttributesInput{QueueUrl: url, Attributes: map[string]string{"DelaySeconds": "901"}})
	var invalid *types.InvalidAttributeValue
	f.check(errors.As(err, &invalid), "%v", err)
}

func TestAMessageFromSendingToDeleting(t *testing.T) {
	f := start(t)
	url := f.queue(map[string]string{"VisibilityTimeout": "300"}, "")
	sent := must(f.client.SendMessage(f.ctx, &sqs.SendMessageInput{
		QueueUrl: url, MessageBody: aws.String("grüße \U0001f600"),
		MessageAttributes: map[string]types.MessageAttributeValue{
			"n": {DataType: aws.String("Number"), StringValue: aws.String("7")},
			"b": {DataType: aws.String("Binary"), BinaryValue: []byte{0, 255}},
		},
		MessageSystemAttributes: map[string]types.MessageSystemAttributeValue{
			"AWSTraceHeader": {DataType: aws.String("String"), StringValue: aws.String("Root=1-2-3")},
		},
	}))(f)
	message := f.receive(url, 1)[0]
	f.check(*message.MessageId == *sent.MessageId && *message.Body == "grüße \U0001f600", "received %v", message)
	f.check(string(message.MessageAttributes["b"].BinaryValue) == "\x00\xff", "binary attribute")
	f.check(*message.MD5OfMessageAttributes == *sent.MD5OfMessageAttributes, "digest of attributes")
	f.check(message.Attributes["AWSTraceHeader"] == "Root=1-2-3", "system attributes %v", message.Attributes)
	must(f.client.ChangeMessageVisibility(f.ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: url, ReceiptHandle: message.ReceiptHandle}))(f)
	again := f.receive(url, 1)[0]
	f.check(again.Attributes["ApproximateReceiveCount"] == "2", "count %v", again.Attributes)
	must(f.client.DeleteMessage(f.ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: again.ReceiptHandle}))(f)
	f.check(f.attribute(url, "ApproximateNumberOfMessagesNotVisible") == "0", "still there")
	_, err := f.client.DeleteMessage(f.ctx, &sqs.DeleteMessageInput{QueueUrl: url, ReceiptHandle: aws.String("garbage")})
	var invalid *types.ReceiptHandleIsInvalid
	f.check(errors.As(err, &invalid), "%v", err)
}

func TestBatches(t *testing.T) {
	f := start(t)
	url := f.queue(map[string]string{"MaximumMessageSize": "1024"}, "")
	long := strings.Repeat("x", 1025)
	sent := must(f.client.SendMessageBatch(f.ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{
		{Id: aws.String("a"), MessageBody: aws.String("a")},
		{Id: aws.String("b"), MessageBody: aws.String("b")},
		{Id: aws.String("c"), MessageBody: &long},
	}}))(f)
	f.check(len(sent.Successful) == 2 && len(sent.Failed) == 1 && *sent.Failed[0].Id == "c" && sent.Failed[0].SenderFault, "sent %v", sent)
	messages := f.receive(url, 2)
	var changes []types.ChangeMessageVisibilityBatchRequestEntry
	var deletes []types.DeleteMessageBatchRequestEntry
	for i, message := range messages {
		id := fmt.Sprint(i)
		changes = append(changes, types.ChangeMessageVisibilityBatchRequestEntry{Id: &id, ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 60})
		deletes = append(deletes, types.DeleteMessageBatchRequestEntry{Id: &id, ReceiptHandle: message.ReceiptHandle})
	}
	changed := must(f.client.ChangeMessageVisibilityBatch(f.ctx, &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: url, Entries: changes}))(f)
	deleted := must(f.client.DeleteMessageBatch(f.ctx, &sqs.DeleteMessageBatchInput{QueueUrl: url, Entries: deletes}))(f)
	f.check(len(changed.Successful) == 2 && len(deleted.Successful) == 2, "changed %v, deleted %v", changed, deleted)
	_, err := f.client.SendMessageBatch(f.ctx, &sqs.SendMessageBatchInput{QueueUrl: url, Entries: []types.SendMessageBatchRequestEntry{}})
	var empty *types.EmptyBatchRequest
	f.check(errors.As(err, &empty), "%v", err)
}

func TestPurgeQueue(t *testing.T) {
	f := start(t)
	url := f.queue(nil, "")
	f.send(url, "x")
	must(f.client.PurgeQueue(f.ctx, &sqs.PurgeQueueInput{QueueUrl: url}))(f)
	f.check(f.attribute(url, "ApproximateNumberOfMessages") == "0", "still there")
}

func TestTags(t *testing.T) {
	f := start(t)
	url := f.queue(nil, "")
	must(f.client.TagQueue(f.ctx, &sqs.TagQueueInput{QueueUrl: url, Tags: map[string]string{"a": "1", "b": ""}}))(f)
	must(f.client.UntagQueue(f.ctx, &sqs.UntagQueueInput{QueueUrl: url, TagKeys: []string{"a"}}))(f)
	tags := must(f.client.ListQueueTags(f.ctx, &sqs.ListQueueTagsInput{QueueUrl: url}))(f).Tags
	value, there := tags["b"]
	f.check(len(tags) == 1 && there && value == "", "tags %v", tags)
}

func TestPermissions(t *testing.T) {
	f := start(t)
	url := f.queue(nil, "")
	must(f.client.AddPermission(f.ctx, &sqs.AddPermissionInput{
		QueueUrl: url, Label: aws.String("l"), AWSAccountIds: []string{"111122223333"}, Actions: []string{"SendMessage"},
	}))(f)
	f.check(strings.Contains(f.attribute(url, "Policy"), "arn:aws:iam::111122223333:root"), "no policy")
	must(f.client.RemovePermission(f.ctx, &sqs.RemovePermissionInput{QueueUrl: url, Label: aws.String("l")}))(f)
	f.check(f.attribute(url, "Policy") == "", "policy still there")
}

func TestDeadLettersAndTheirRedrive(t *testing.T) {
	f := start(t)
	dead := f.queue(nil, "-dead")
	source := f.attribute(dead, "QueueArn")
	url := f.queue(map[string]string{
		"VisibilityTimeout": "0",
		"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1}`, source),
	}, "")
	found := must(f.client.ListDeadLetterSourceQueues(f.ctx, &sqs.ListDeadLetterSourceQueuesInput{QueueUrl: dead}))(f).QueueUrls
	f.check(len(found) == 1 && found[0] == *url, "sources %v", found)
	f.send(url, "x")
	f.receive(url, 1)
	none := must(f.client.ReceiveMessage(f.ctx, &sqs.ReceiveMessageInput{QueueUrl: url}))(f)
	f.check(len(none.Messages) == 0, "delivered once more")
	started := must(f.client.StartMessageMoveTask(f.ctx, &sqs.StartMessageMoveTaskInput{SourceArn: &source}))(f)
	f.check(*started.TaskHandle != "", "no handle")
	f.check(*f.receive(url, 1)[0].Body == "x", "another message")
	tasks := must(f.client.ListMessageMoveTasks(f.ctx, &sqs.ListMessageMoveTasksInput{SourceArn: &source}))(f).Results
	f.check(len(tasks) == 1 && *tasks[0].SourceArn == source, "tasks %v", tasks)
}

func TestCancelMessageMoveTask(t *testing.T) {
	f := start(t)
	dead := f.queue(nil, "-dead")
	source := f.attribute(dead, "QueueArn")
	url := f.queue(map[string]string{"RedrivePolicy": fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":1}`, source)}, "")
	for range 3 {
		f.send(dead, "x")
	}
	task := must(f.client.StartMessageMoveTask(f.ctx, &sqs.StartMessageMoveTaskInput{
		SourceArn: &source, DestinationArn: aws.String(f.attribute(url, "QueueArn")), MaxNumberOfMessagesPerSecond: aws.Int32(1),
	}))(f)
	moved := must(f.client.CancelMessageMoveTask(f.ctx, &sqs.CancelMessageMoveTaskInput{TaskHandle: task.TaskHandle}))(f)
	f.check(moved.ApproximateNumberOfMessagesMoved <= 3, "moved %d", moved.ApproximateNumberOfMessagesMoved)
}

func TestAFifoQueueDeduplicatesAndKeepsOrder(t *testing.T) {
	f := start(t)
	url := f.queue(map[string]string{"FifoQueue": "true", "ContentBasedDeduplication": "true"}, ".fifo")
	var numbers []string
	for _, body := range []string{"1", "2", "2", "3"} {
		sent := must(f.client.SendMessage(f.ctx, &sqs.SendMessageInput{QueueUrl: url, MessageBody: aws.String(body), MessageGroupId: aws.String("g")}))(f)
		numbers = append(numbers, *sent.SequenceNumber)
	}
	f.check(numbers[1] == numbers[2], "sequence numbers %v", numbers)
	for i, message := range f.receive(url, 3) {
		f.check(*message.Body == fmt.Sprint(i+1), "at %d: %s", i, *message.Body)
	}
}

func TestALongPollEndsWhenAMessageComes(t *testing.T) {
	f := start(t)
	url := f.queue(nil, "")
	found := make(chan int)
	go func() {
		answer, err := f.client.ReceiveMessage(f.ctx, &sqs.ReceiveMessageInput{QueueUrl: url, WaitTimeSeconds: 20})
		if err != nil {
			found <- -1
			return
		}
		found <- len(answer.Messages)
	}()
	f.send(url, "x")
	select {
	case count := <-found:
		f.check(count == 1, "%d messages", count)
	case <-time.After(15 * time.Second):
		f.Fatal("still waiting")
	}
}
