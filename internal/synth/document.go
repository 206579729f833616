package synth

import (
	"bytes"
	"encoding/base64"
	"encoding/csv"
	"fmt"
	"html/template"
	"iter"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/textproto"
	"strings"
	"time"
)

// Documents yields what customers sent and what was sent to them, then a few
// files under keys of odd but legal shapes.
func (c *Centre) Documents() iter.Seq[File] {
	return func(yield func(File) bool) {
		random := rand.New(rand.NewPCG(c.seed, 1<<61))
		kinds := []struct {
			language, name, contentType string
			body                        func(paper) []byte
		}{
			{"fr", "reclamation.txt", "text/plain; charset=utf-8", complaint},
			{"en", "payments.csv", "text/csv; charset=utf-8", payments},
			{"en", "letter.html", "text/html; charset=utf-8", letter},
			{"fr", "message.eml", "message/rfc822", message},
			{"fr", "constat.pdf", "application/pdf", report},
			{"fr", "carte-identite.png", "image/png", identityCard},
		}
		for i, kind := range kinds {
			p := c.paper(random, kind.language, i)
			key := c.OrganisationID + "/documents/customer=" + p.customer.ID + "/" + p.date.Format("2006-01-02") + "_" + kind.name
			if !yield(File{Key: key, ContentType: kind.contentType, Meta: p.meta(), Body: kind.body(p)}) {
				return
			}
		}
		for i, name := range oddNames {
			p := c.paper(random, "en", len(kinds)+i)
			body := fmt.Appendf(nil, "Note on customer %s: called back on %s, will pay by card %s.\n", p.customer.ID, p.customer.Phone, card(random))
			if !yield(File{Key: c.OrganisationID + "/documents/" + name, ContentType: "text/plain; charset=utf-8", Meta: p.meta(), Body: body}) {
				return
			}
		}
	}
}

// oddNames are legal in S3, and never paths.
var oddNames = []string{
	"Réclamation n° 7 – été 2026.txt",
	"顧客メモ/通話 🎧.txt",
	"with spaces  and\ttab .txt",
	"/double//slashes///note.txt",
	"dots/../../note.txt",
	"./note.txt",
	"a+b&c=d?e#f%20g%2Fh.txt",
	`quotes'"<>\|*:^~[]{}.txt`,
	"e\u0301t\u00e9.txt", // decomposed and composed
	"folder/",
	strings.Repeat("long-", 180) + "name.txt",
}

// paper is what a document is about.
type paper struct {
	random   *rand.Rand
	customer Customer
	agent    Person
	language string
	queue    string
	date     time.Time
	values   map[string]string
}

func (c *Centre) paper(random *rand.Rand, language string, i int) paper {
	p := paper{random: random, language: language, customer: customer(random, language)}
	p.queue = pick(random, map[string][]string{"en": englishQueues, "fr": frenchQueues}[language])
	var agents []Person
	for _, person := range c.Staff {
		for _, queue := range person.Queues {
			if queue == p.queue {
				agents = append(agents, person)
			}
		}
	}
	p.agent = pick(random, agents)
	p.date = c.Until.AddDate(0, 0, -2*i-1)
	p.values = details(random, &Call{Language: language, Agent: p.agent, Customer: p.customer})
	p.values["date"] = p.date.Format("02/01/2006")
	return p
}

func (p paper) meta() map[string]string {
	return meta(KindDocument, map[string]string{
		"queue": p.queue, "agent": p.agent.Name, "customer": p.customer.ID,
		"language": p.language, "recorded-at": p.date.Format(time.RFC3339),
	})
}

func complaint(p paper) []byte {
	return []byte(fill(`{name}
{street}
{phone}
{email}

Le {date}

Objet : réclamation, dossier {claim}

Madame, Monsieur,

Né(e) le {birth}, numéro de sécurité sociale {nir}, je conteste le prélèvement
de {amount} € sur mon compte {iban}. La carte {card} avait pourtant
été bloquée par votre service.

Je vous prie d'agréer mes salutations distinguées.
{name}
`, p.values))
}

func payments(p paper) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Write([]string{"customer", "name", "email", "phone", "iban", "card", "amount"})
	for range 12 {
		c := customer(p.random, p.language)
		w.Write([]string{c.ID, c.Given + " " + c.Family, c.Email, c.Phone, iban(p.random, p.language), card(p.random),
			fmt.Sprintf("%d.%02d", p.random.IntN(500), p.random.IntN(100))})
	}
	w.Flush() // cannot fail: a buffer takes everything
	return b.Bytes()
}

var letterPage = template.Must(template.New("letter").Parse(`<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Your refund</title></head>
<body>
<p>{{.organisation}}<br>{{.date}}</p>
<p>{{.name}}<br>{{.street}}</p>
<p>Dear {{.name}},</p>
<p>we have refunded {{.amount}} pounds to your account <b>{{.iban}}</b> (claim {{.claim}}).</p>
<!-- contact: {{.email}} -->
<p>Yours sincerely,<br>{{.agent}}</p>
</body>
</html>
`))

func letter(p paper) []byte {
	var b bytes.Buffer
	if err := letterPage.Execute(&b, p.values); err != nil {
		panic("synth: filling in the letter: " + err.Error())
	}
	return b.Bytes()
}

// message is a mail with an attachment, as a mail server hands it over: lines
// end in CR LF, the text is quoted-printable, the attachment base64.
func message(p paper) []byte {
	var parts bytes.Buffer
	w := multipart.NewWriter(&parts)
	w.SetBoundary(fmt.Sprintf("=_synthetic_%016x", p.random.Uint64())) // legal by its form
	text, _ := w.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {"text/plain; charset=utf-8"},
		"Content-Transfer-Encoding": {"quoted-printable"},
	})
	quoted := quotedprintable.NewWriter(text)
	quoted.Write([]byte(fill("Bonjour,\r\n\r\nvoici mon RIB : {iban}.\r\nMon numéro de téléphone a changé : {phone}.\r\n\r\n{name}\r\n", p.values)))
	quoted.Close()
	attachment, _ := w.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {"text/plain; charset=utf-8; name=rib.txt"},
		"Content-Disposition":       {"attachment; filename=rib.txt"},
		"Content-Transfer-Encoding": {"base64"},
	})
	encoded := base64.StdEncoding.EncodeToString([]byte(fill("Titulaire : {name}\r\nIBAN : {iban}\r\n", p.values)))
	for len(encoded) > 76 {
		fmt.Fprintf(attachment, "%s\r\n", encoded[:76])
		encoded = encoded[76:]
	}
	fmt.Fprintf(attachment, "%s\r\n", encoded)
	w.Close()

	var b bytes.Buffer
	for _, header := range [][2]string{
		{"From", mime.QEncoding.Encode("utf-8", p.values["name"]) + " <" + p.customer.Email + ">"},
		{"To", "contact@example.fr"},
		{"Subject", mime.QEncoding.Encode("utf-8", "Changement de coordonnées bancaires, "+p.customer.ID)},
		{"Date", p.date.Format(time.RFC1123Z)},
		{"Message-ID", fmt.Sprintf("<%016x@example.fr>", p.random.Uint64())},
		{"MIME-Version", "1.0"},
		{"Content-Type", `multipart/mixed; boundary="` + w.Boundary() + `"`},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", header[0], header[1])
	}
	b.WriteString("\r\n")
	b.Write(parts.Bytes())
	return b.Bytes()
}

// report is a claim report as a PDF of one page.
func report(p paper) []byte {
	return pdf(strings.Split(fill(`CONSTAT AMIABLE - dossier {claim}

Date : {date}
Assuré : {name}
Adresse : {street}
Téléphone : {phone}
Véhicule : {plate}
Né(e) le {birth}, sécurité sociale {nir}

Le véhicule a été percuté à l'arrêt (photo jointe).
Franchise réglée : {amount} EUR par carte {card}
Remboursement sur le compte {iban}`, p.values), "\n"))
}

// pdf sets lines of Latin-1 text in Helvetica on an A4 page.
func pdf(lines []string) []byte {
	var text bytes.Buffer
	text.WriteString("BT /F1 11 Tf 16 TL 56 780 Td\n")
	for _, line := range lines {
		text.WriteByte('(')
		for _, c := range line {
			switch {
			case c == '(' || c == ')' || c == '\\':
				text.WriteByte('\\')
				text.WriteByte(byte(c))
			case c < 256:
				text.WriteByte(byte(c))
			default:
				text.WriteByte('?')
			}
		}
		text.WriteString(") Tj T*\n")
	}
	text.WriteString("ET")

	var b bytes.Buffer
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", text.Len(), text.String()),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
		"<< /Title (Constat) /Producer (synthetic) >>",
	}
	var table strings.Builder
	for i, object := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n%s", len(objects)+1, table.String())
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R /Info 6 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, start)
	return b.Bytes()
}
