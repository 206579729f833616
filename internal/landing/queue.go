package landing

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"strongroom/know/intake"
)

// SQS is a queue of Amazon SQS, or of whatever speaks its protocol.
type SQS struct {
	client *sqs.Client
	url    string
}

var _ intake.Queue = (*SQS)(nil)

// OpenSQS opens a queue by its URL. The region of one of AWS's is in its name; region
// serves any other. Plain HTTP to another machine must be meant.
func OpenSQS(ctx context.Context, queue, region, profile string, plain bool, credentials aws.CredentialsProvider) (*SQS, error) {
	if err := checkEndpoint(queue, plain); err != nil {
		return nil, fmt.Errorf("the queue: %w", err)
	}
	u, err := url.Parse(queue)
	if err != nil {
		return nil, fmt.Errorf("reading the queue's URL: %w", err)
	}
	if labels := strings.Split(u.Hostname(), "."); len(labels) > 3 && labels[0] == "sqs" && strings.Contains(u.Hostname(), "amazonaws.com") {
		region = labels[1]
	}
	loaded, err := loadConfig(ctx, region, profile, credentials)
	if err != nil {
		return nil, err
	}
	return &SQS{url: queue, client: sqs.NewFromConfig(loaded, func(o *sqs.Options) {
		o.BaseEndpoint = aws.String(u.Scheme + "://" + u.Host)
	})}, nil
}

// Receive implements intake.Queue.
func (q *SQS) Receive(ctx context.Context, wait time.Duration) ([]intake.Message, error) {
	seconds := min(20, max(0, int32(wait/time.Second)))
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: 10, WaitTimeSeconds: seconds, VisibilityTimeout: 900,
	})
	if err != nil {
		return nil, fmt.Errorf("receiving from the queue: %w", err)
	}
	messages := make([]intake.Message, len(out.Messages))
	for i, m := range out.Messages {
		messages[i] = intake.Message{Body: []byte(aws.ToString(m.Body)), Receipt: aws.ToString(m.ReceiptHandle)}
	}
	return messages, nil
}

// Done implements intake.Queue.
func (q *SQS) Done(ctx context.Context, messages []intake.Message) error {
	var entries []types.DeleteMessageBatchRequestEntry
	for i, m := range messages {
		entries = append(entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(fmt.Sprintf("m%d", i)), ReceiptHandle: &m.Receipt})
	}
	if len(entries) == 0 {
		return nil
	}
	out, err := q.client.DeleteMessageBatch(ctx, &sqs.DeleteMessageBatchInput{QueueUrl: &q.url, Entries: entries})
	if err != nil {
		return fmt.Errorf("removing messages from the queue: %w", err)
	}
	var errs []error
	for _, f := range out.Failed {
		errs = append(errs, fmt.Errorf("removing a message from the queue: %s", aws.ToString(f.Code)))
	}
	return errors.Join(errs...)
}
