package classify

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// ordinary is what people write to a contact centre and what is said there, in English and French,
// with something to find every few lines.
func ordinary(length int) []byte {
	lines := []string{
		"Agent: Good morning, thank you for calling, how can I help you today?",
		"Customer: Hello, I have a question about the invoice that I received last week, it is higher than the month before.",
		"Agent: I am sorry to hear that. Could you tell me the number of your contract, please, so that I can look at it?",
		"Customer: Yes, of course. It begins with A and is on the second page, under the address.",
		"Agent: Thank you. I can see two items here; the first one is the rent of the box, the other one is what you watched in March.",
		"Client : Bonjour, je vous appelle parce que je n'ai toujours pas reçu le remboursement qui m'avait été promis il y a trois semaines.",
		"Conseiller : Je comprends tout à fait votre inquiétude, et je vais regarder cela avec vous dès maintenant. Pouvez-vous patienter un instant ?",
		"Client : Oui, mais c'est la deuxième fois que j'explique la même chose, et à chaque fois on me dit d'attendre encore un peu.",
		"Conseiller : Je vous prie de nous excuser pour ce désagrément. Votre dossier a été transmis au service concerné hier après-midi.",
		"The engineer came between two and four in the afternoon and replaced the cable that goes from the street to the house.",
		"Il faudrait aussi vérifier que l'adresse de livraison est bien la même que l'adresse de facturation, sinon le colis revient.",
		"Customer: My name is Martin Brody and my e-mail is martin.brody@example.com, you can call me on 212-555-0123.",
		"Client : Oui, ma carte c'est le 4111 1111 1111 1111, elle expire en 12/27, et mon numéro de portable est le 06 12 34 56 78.",
		"Conseiller : Très bien, c'est noté, je vous envoie un message de confirmation dans quelques minutes, bonne journée à vous.",
	}
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	for b.Len() < length {
		b.WriteString(lines[r.IntN(len(lines))])
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// BenchmarkScan is the speed with all detectors, on ordinary text, on text that is all
// numbers, and on text of one endless word.
func BenchmarkScan(b *testing.B) {
	numbers := func(length int) []byte {
		r := rand.New(rand.NewPCG(5, 6))
		var out bytes.Buffer
		for out.Len() < length {
			for range 4 + r.IntN(12) {
				out.WriteByte(byte('0' + r.IntN(10)))
			}
			out.WriteByte(" ,;-\n"[r.IntN(5)])
		}
		return out.Bytes()
	}
	for name, text := range map[string][]byte{
		"ordinary": ordinary(16 << 20), "numbers": numbers(4 << 20), "examples": medley(rand.New(rand.NewPCG(1, 1)), 4<<20),
		"letters": bytes.Repeat([]byte("a"), 16<<20), "digits": bytes.Repeat([]byte("1 "), 2<<20), "at": bytes.Repeat([]byte("a@"), 2<<20), "cues": bytes.Repeat([]byte("Mme A "), 1<<20),
	} {
		b.Run(name, func(b *testing.B) {
			s, r := NewScanner(), bytes.NewReader(nil)
			b.ReportAllocs()
			began, done := processor(), 0
			for b.Loop() {
				r.Reset(text)
				if _, err := s.Scan(r, func(*Span, []byte) error { return nil }); err != nil {
					b.Fatal(err)
				}
				done += len(text)
			}
			b.ReportMetric(float64(done)/1e6/(processor()-began).Seconds(), "MB/cpu-s")
		})
	}
}

// BenchmarkRegexp looks for the same with the standard library's regexp: one expression a row, and one for
// each row's keywords. It leaves the validators out, so it finds more and does less.
func BenchmarkRegexp(b *testing.B) {
	forms := map[string]string{
		"token": `\b[A-Za-z]{1,4} ?[0-9][0-9A-Za-z -]{4,40}`, "at": `[A-Za-z0-9._%+'&=-]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z]{2,}`,
		"after": `[\s:="'#(>]+\S+`,
	}
	var all []*regexp.Regexp
	for _, row := range Detectors() {
		var words []string
		for _, k := range row.Keywords {
			word := regexp.QuoteMeta(strings.TrimSuffix(k, "*"))
			if strings.HasSuffix(k, "*") {
				word += `\w*`
			}
			words = append(words, word)
		}
		keywords := `(?i)\b(?:` + strings.Join(words, "|") + `)`
		switch row.Form {
		case "digits":
			all = append(all, regexp.MustCompile(`\+?\b[0-9](?:[ .\-/()\x{a0}\x{202f}]{0,3}[0-9]){`+itoa(row.Lengths[0]-1)+`,`+itoa(row.Lengths[1]-1)+`}\b`))
		case "token", "at":
			all = append(all, regexp.MustCompile(forms[row.Form]))
		case "prefix", "after":
			all = append(all, regexp.MustCompile(keywords+forms["after"]))
			continue
		}
		if len(words) > 0 {
			all = append(all, regexp.MustCompile(keywords))
		}
	}
	text := ordinary(256 << 10)
	began, done := processor(), 0
	for b.Loop() {
		done += len(text)
		for _, r := range all {
			for at := 0; ; {
				found := r.FindIndex(text[at:])
				if found == nil {
					break
				}
				at += max(found[1], 1)
			}
		}
	}
	b.ReportMetric(float64(done)/1e6/(processor()-began).Seconds(), "MB/cpu-s")
}

// processor is the processor time that the process has used: the machine may have other work.
func processor() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func itoa(n int) string { return string(append([]byte{}, byte('0'+n/10), byte('0'+n%10))) }
