package intake

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// Notice says that an object may have arrived. It is a hint and is never believed: what
// is there is what the source lists.
type Notice struct{ Bucket, Key string }

const (
	maxNotices  = 1000    // of one message
	maxMessage  = 1 << 20 // bytes; SQS itself allows no more
	maxEnvelope = 3       // EventBridge through SNS to SQS, and one to spare
)

// ParseNotices reads the body of a message: an S3 event notification, by itself or
// inside one of SNS, or an EventBridge event. Messages that announce no new object, such
// as the one that S3 sends for a test, have none.
func ParseNotices(body []byte) ([]Notice, error) { return parseNotices(body, maxEnvelope) }

func parseNotices(body []byte, envelopes int) ([]Notice, error) {
	if len(body) > maxMessage {
		return nil, errors.New("the message is too long")
	}
	if err := checkDepth(body, 32); err != nil {
		return nil, err
	}
	type object struct {
		Key string `json:"key"`
	}
	type bucket struct {
		Name string `json:"name"`
	}
	var message struct {
		// S3
		Records []struct {
			EventName string `json:"eventName"`
			S3        struct {
				Bucket bucket `json:"bucket"`
				Object object `json:"object"`
			} `json:"s3"`
		} `json:"Records"`
		Event string `json:"Event"` // s3:TestEvent
		// SNS
		Type    string `json:"Type"`
		Message string `json:"Message"`
		// EventBridge
		Source     string `json:"source"`
		DetailType string `json:"detail-type"`
		Detail     struct {
			Bucket bucket `json:"bucket"`
			Object object `json:"object"`
		} `json:"detail"`
	}
	if err := json.Unmarshal(body, &message); err != nil {
		return nil, errors.New("the message is not JSON of a form that is known")
	}
	switch {
	case len(message.Records) > 0:
		var out []Notice
		for _, r := range message.Records {
			if len(out) == maxNotices {
				break
			}
			if !strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:") {
				continue
			}
			key, err := url.QueryUnescape(r.S3.Object.Key)
			if err != nil || !plausible(r.S3.Bucket.Name, key) {
				continue
			}
			out = append(out, Notice{r.S3.Bucket.Name, key})
		}
		return out, nil
	case message.Source == "aws.s3":
		if message.DetailType != "Object Created" || !plausible(message.Detail.Bucket.Name, message.Detail.Object.Key) {
			return nil, nil
		}
		return []Notice{{message.Detail.Bucket.Name, message.Detail.Object.Key}}, nil
	case message.Type == "Notification" && message.Message != "":
		if envelopes == 0 {
			return nil, errors.New("the message is wrapped too often")
		}
		return parseNotices([]byte(message.Message), envelopes-1)
	case message.Event == "s3:TestEvent":
		return nil, nil
	}
	return nil, errors.New("the message is no notification of S3, SNS or EventBridge")
}

func plausible(bucket, key string) bool {
	return bucket != "" && len(bucket) <= 255 && key != "" && len(key) <= 1024
}
