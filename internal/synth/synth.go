// Package synth is a synthetic contact centre: an organisation with its staff,
// its calls and the papers its customers send, for demonstrations and tests.
// Nothing in it was ever said or sent by anybody. Names are drawn from lists of
// common given and family names, card numbers from the payment industry's test
// ranges, IBANs from documentation, telephone numbers and domains from ranges
// reserved for fiction and examples, and French social-security numbers bear a
// commune that does not exist. Everything follows from the seed: the same seed
// gives the same bytes, file by file. Files are made one at a time, as they are asked for.
package synth

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"strongroom"
)

// Values of the attribute "kind" that files bear.
const (
	KindCall       = "call"
	KindScreen     = "screen"
	KindChat       = "chat"
	KindTranscript = "transcript"
	KindDocument   = "document"
	KindMetadata   = "metadata"
)

// File is one object as the contact-centre platform exports it.
type File struct {
	Key         string // a legal S3 key; some are of shapes that careless code breaks on
	ContentType string
	Meta        map[string]string // user metadata: strongroom-kind, -queue, -agent, …; printable ASCII
	Body        []byte            // at most MaxBody bytes
}

// MaxBody bounds the size of one file: twenty seconds of a call, and headers.
const MaxBody = 1 << 20

// Person is one of the staff, or somebody at a supplier.
type Person struct {
	Name          string // of the principal: "ines.martin"
	Given, Family string
	UserID        string // the platform's id of the same person, as metadata files name it
	Kind          strongroom.PrincipalKind
	Group         string
	Queues        []string // an agent works these
	Supervises    []string // a supervisor answers for these
	Employer      string   // set for a supplier's people
}

// Line is one turn of a conversation, placed in its recording.
type Line struct {
	Agent      bool // the agent speaks (left channel), otherwise the customer (right)
	Text       string
	Start, End time.Duration
}

// Call is one conversation that was recorded.
type Call struct {
	Conversation string // UUIDs, as the platform gives them
	Recording    string
	ChatID       string // recording id of the chat that went before, or ""
	ScreenID     string // recording id of the agent's screen, or ""
	Language     string // "en" or "fr"
	Queue        string
	Agent        Person
	Customer     Customer
	Inbound      bool
	Codec        string        // "wav" or "ogg"
	Before       time.Duration // how long before Centre.Until it began
	Duration     time.Duration
	Lines        []Line
	seed         [2]uint64
}

// Customer is who called.
type Customer struct {
	ID            string // "C-104233"
	Given, Family string
	Phone, Email  string
}

// Centre is the whole organisation. Until is the time at which its newest call
// ended; set it before Files to move the centre in time.
type Centre struct {
	Organisation   string
	OrganisationID string // the platform's id, first part of every key it exports
	Queues         []string
	Staff          []Person
	Calls          []Call
	Until          time.Time
	seed           uint64
}

var (
	englishQueues = []string{"billing", "claims", "support"}
	frenchQueues  = []string{"facturation", "sinistres", "assistance"}
)

// New makes a centre with that many calls, spread over the forty days before Until.
func New(seed uint64, calls int) *Centre { return Within(seed, calls, 40*24*time.Hour) }

// Within makes a centre with that many calls, spread over the span before Until.
func Within(seed uint64, calls int, span time.Duration) *Centre {
	random := rand.New(rand.NewPCG(seed, 0))
	c := &Centre{
		Organisation:   "Meridian Mutuelle",
		OrganisationID: uuid(random),
		Queues:         slices.Concat(englishQueues, frenchQueues),
		Until:          time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC),
		seed:           seed,
	}
	c.Staff = staff(random)
	for i := range calls {
		// Each call has a source of its own, so that one can be made without the others.
		c.Calls = append(c.Calls, newCall(c, [2]uint64{seed, uint64(i) + 1}, i, calls, span))
	}
	return c
}

func newCall(c *Centre, seed [2]uint64, i, calls int, span time.Duration) Call {
	random := rand.New(rand.NewPCG(seed[0], seed[1]))
	call := Call{
		Conversation: uuid(random),
		Recording:    uuid(random),
		Language:     "en",
		Inbound:      random.IntN(4) != 0,
		Codec:        "wav",
		seed:         seed,
	}
	queues := englishQueues
	if i%2 == 1 {
		call.Language, queues = "fr", frenchQueues
	}
	if i%3 == 2 {
		call.Codec = "ogg"
	}
	if i%5 == 0 {
		call.ChatID = uuid(random)
	}
	if i%6 == 1 {
		call.ScreenID = uuid(random)
	}
	call.Queue = queues[random.IntN(len(queues))]
	call.Agent = pick(random, slices.Collect(func(yield func(Person) bool) {
		for _, p := range c.Staff {
			if slices.Contains(p.Queues, call.Queue) && !yield(p) {
				return
			}
		}
	}))
	call.Customer = customer(random, call.Language)
	call.Lines, call.Duration = script(random, &call)
	// The oldest first; over forty days at no two the same minute while there are fewer than 57,600.
	step := span / time.Duration(max(calls, 1))
	call.Before = call.Duration + span - step*time.Duration(i+1) + time.Duration(random.Int64N(int64(step)/2+1))
	return call
}

// Start is when the call began.
func (c *Centre) Start(call *Call) time.Time {
	return c.Until.Add(-call.Before).UTC().Truncate(time.Millisecond)
}

// People are the principals that a room of this organisation would have.
func (c *Centre) People() []strongroom.Principal {
	random := rand.New(rand.NewPCG(c.seed, 1<<63))
	var people []strongroom.Principal
	for _, p := range c.Staff {
		principal := strongroom.Principal{
			ID:      identifier(random),
			Name:    p.Name,
			Kind:    p.Kind,
			Groups:  []string{p.Group},
			Aliases: []string{p.UserID},
		}
		attributes := map[string][]string{}
		if len(p.Queues) > 0 {
			attributes["queues"] = p.Queues
		}
		if len(p.Supervises) > 0 {
			attributes["supervises"] = p.Supervises
		}
		if p.Employer != "" {
			attributes["vendor"] = []string{p.Employer}
		}
		if len(attributes) > 0 {
			principal.Attributes = attributes
		}
		people = append(people, principal)
	}
	return people
}

// Files yields everything the platform would export, call by call, then the
// documents. The sequence can be walked again, with the same bytes.
func (c *Centre) Files() iter.Seq[File] {
	return func(yield func(File) bool) {
		for i := range c.Calls {
			for file := range c.CallFiles(&c.Calls[i]) {
				if !yield(file) {
					return
				}
			}
		}
		for file := range c.Documents() {
			if !yield(file) {
				return
			}
		}
	}
}

// staff is small, and every queue has two agents and a supervisor.
func staff(random *rand.Rand) []Person {
	var people []Person
	taken := map[string]bool{}
	add := func(given, family []string, p Person) {
		for {
			p.Given, p.Family = pick(random, given), pick(random, family)
			p.Name = strings.ToLower(plain(p.Given) + "." + plain(p.Family))
			if !taken[p.Name] {
				break
			}
		}
		taken[p.Name] = true
		p.UserID = uuid(random)
		if p.Kind == "" {
			p.Kind = strongroom.Person
		}
		people = append(people, p)
	}
	for i, queues := range [][]string{englishQueues, frenchQueues} {
		given, family := englishGiven, englishFamily
		if i == 1 {
			given, family = frenchGiven, frenchFamily
		}
		for j := range 4 {
			works := []string{queues[j%3], queues[(j+1)%3]}
			slices.Sort(works)
			add(given, family, Person{Group: "agents", Queues: works})
		}
		add(given, family, Person{Group: "supervisors", Supervises: queues})
	}
	add(frenchGiven, frenchFamily, Person{Group: "quality"})
	add(englishGiven, englishFamily, Person{Group: "auditors"})
	add(frenchGiven, frenchFamily, Person{Group: "security-officers"})
	add(englishGiven, englishFamily, Person{Group: "platform-administrators"})
	add(englishGiven, englishFamily, Person{Group: "vendors", Kind: strongroom.Vendor, Employer: "example-transcription"})
	return people
}

func customer(random *rand.Rand, language string) Customer {
	given, family, domain := englishGiven, englishFamily, "example.com"
	if language == "fr" {
		given, family, domain = frenchGiven, frenchFamily, "example.fr"
	}
	c := Customer{
		ID:     fmt.Sprintf("C-%06d", 100000+random.IntN(900000)),
		Given:  pick(random, given),
		Family: pick(random, family),
		Phone:  phone(random, language),
	}
	c.Email = strings.ToLower(plain(c.Given)+"."+plain(c.Family)) + "@" + domain
	return c
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }
