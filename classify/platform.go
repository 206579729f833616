package classify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// platform is what a platform's metadata document tells.
type platform struct {
	name    string
	classes []string
	reason  string
}

// fields are what is read of a document: how often each name stands in it (in lower case, without _ and -), and the first
// plain value of each; bounded, whatever the document is.
type fields struct {
	seen  map[string]int
	value map[string]string
}

const (
	maxFields = 2000
	maxDepth  = 12
)

// readFields reads the names of a JSON document's fields as far as it is there.
func readFields(head []byte) (fields, bool) {
	f := fields{map[string]int{}, map[string]string{}}
	head = bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(head) == 0 || head[0] != '{' {
		return f, false
	}
	d := json.NewDecoder(bytes.NewReader(head))
	d.UseNumber()
	type level struct {
		object, value bool // value: a name was read, and its value comes
	}
	var open []level
	name := ""
	for range maxFields {
		token, err := d.Token()
		if err != nil {
			return f, len(f.seen) > 0 // a head may be cut anywhere
		}
		top := len(open) - 1
		switch v := token.(type) {
		case json.Delim:
			switch v {
			case '{', '[':
				if len(open) == maxDepth {
					return f, len(f.seen) > 0
				}
				if top >= 0 {
					open[top].value = false
				}
				open = append(open, level{object: v == '{'})
			default:
				open = open[:top]
				if len(open) == 0 {
					return f, len(f.seen) > 0
				}
			}
		case string:
			if top >= 0 && open[top].object && !open[top].value {
				name = strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(v))
				f.seen[name]++
				open[top].value = true
				continue
			}
			f.set(name, v)
			if top >= 0 {
				open[top].value = false
			}
		default:
			f.set(name, fmt.Sprint(v))
			if top >= 0 {
				open[top].value = false
			}
		}
	}
	return f, len(f.seen) > 0
}

func (f fields) set(name, value string) {
	if _, have := f.value[name]; !have && name != "" && len(value) <= 64 {
		f.value[name] = strings.ToLower(value)
	}
}

func (f fields) all(names ...string) bool {
	for _, n := range names {
		if f.seen[n] == 0 {
			return false
		}
	}
	return true
}

func (f fields) any(names ...string) bool {
	for _, n := range names {
		if f.seen[n] > 0 {
			return true
		}
	}
	return false
}

// byMedium are the classes of what a platform's metadata describes.
var byMedium = map[string]string{
	"call": "voice", "voice": "voice", "callback": "voice", "chat": "conversation", "email": "conversation", "message": "conversation", "screen": "screen",
}

// readPlatform recognises metadata documents and transcripts of platforms by the fields they
// have: Genesys Cloud (recording metadata), Amazon Connect (contact records, Contact Lens),
// Amazon Transcribe, Twilio (recording resource), Webex (recording metadata).
func readPlatform(head []byte) (platform, bool) {
	f, ok := readFields(head)
	if !ok {
		return platform{}, false
	}
	p := platform{classes: []string{"metadata"}}
	medium := ""
	switch {
	case f.all("mediatype") && f.any("conversationid", "recordingid", "userids"):
		p.name, medium = "genesys-cloud", f.value["mediatype"]
	case f.any("customermetadata", "conversationcharacteristics") || f.all("contactid") && f.any("initiationmethod", "queuename", "initiationtimestamp", "participants"):
		p.name, medium = "amazon-connect", f.value["channel"]
		if f.any("transcript") {
			p.classes = append(p.classes, "conversation")
		}
	case f.all("jobname", "results"):
		p.name = "amazon-transcribe"
		p.classes = append(p.classes, "conversation")
	case f.all("callsid") && f.any("sid", "recordingsid", "encryptiondetails"):
		p.name, medium = "twilio", "voice"
	case f.all("sensitive") && f.any("channel1", "channel2", "participants"):
		p.name, medium = "webex", "voice"
	default:
		return platform{}, false
	}
	var says []string
	if class := byMedium[medium]; class != "" {
		p.classes = append(p.classes, class)
		says = append(says, "it describes a "+medium)
	}
	if f.any("queue", "queuename", "queueids", "queueid") {
		says = append(says, "names a queue")
	}
	if d := f.value["direction"] + f.value["initialdirection"] + f.value["initiationmethod"]; d == "inbound" || d == "outbound" {
		says = append(says, d)
	}
	if f.any("userids", "userid", "participants", "agent", "agentusername", "customerid", "externalcontactid", "ani", "from", "to") {
		p.classes = append(p.classes, "participants")
		says = append(says, "names who took part")
	}
	if f.value["sensitive"] == "true" {
		p.classes = append(p.classes, "sensitive")
		says = append(says, "is marked sensitive")
	}
	if f.any("encryptiondetails") {
		says = append(says, "its recording is encrypted by the platform")
	}
	p.reason = "metadata of " + p.name
	if len(says) > 0 {
		p.reason += ": " + strings.Join(says, ", ")
	}
	return p, true
}
