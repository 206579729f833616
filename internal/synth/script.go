package synth

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
	"unicode/utf8"
)

// scripts are the conversations; a line that begins "A: " is the agent's, "C: "
// the customer's. Words in braces are filled in from details.
var scripts = map[string][]string{
	"en": {
		`A: {organisation}, this is {agent}, how can I help?
C: Hello, I would like to pay my bill by card.
A: Of course. May I have your customer number?
C: It is {customer}. My name is {name}.
A: Thank you. The amount due is {amount} pounds. The card number, please?
C: {card}, expires {expiry}.
A: And the three digits on the back?
C: {code}.
A: Thank you, the payment went through.`,
		`A: Good morning, you are speaking to {agent}.
C: I have moved, and my phone number changed too.
A: I can update that. Your new address?
C: {street}. And the number is {phone}.
A: Shall we keep the e-mail address {email}?
C: Yes, please.
A: All done. Have a nice day.`,
		`A: {organisation} claims, {agent} speaking.
C: I am calling about my claim {claim}. I was in hospital for asthma, and nobody has paid yet.
A: I am sorry to hear that. Your date of birth, please?
C: The {birth}.
A: I see it here. We shall pay {amount} pounds. To which account?
C: {iban}.
A: Thank you, it will arrive within five days.`,
		`A: Support, {agent} here.
C: I cannot log on any more. My user name is {email}.
A: I have sent a code to {phone}. Could you read it to me?
C: {otp}.
A: Good. Your temporary password is {password}. Please change it now.
C: I have done so, thank you.`,
		`A: Hello, {agent} from {organisation}.
C: I never ordered this. Please give me my money back.
A: Was it paid by card?
C: Yes: {spoken}.
A: I find it: {amount} pounds. You will have it back this week.
C: Good. Confirm it to {email}, please.`,
	},
	"fr": {
		`A: {organisation}, {agent} à votre écoute.
C: Bonjour, je voudrais régler ma facture par carte.
A: Bien sûr. Votre numéro de client ?
C: C'est le {customer}, je m'appelle {name}.
A: Merci. Il reste {amount} euros. Le numéro de carte, s'il vous plaît ?
C: {card}, elle expire en {expiry}.
A: Et le cryptogramme au dos ?
C: {code}.
A: Merci, le paiement est accepté.`,
		`A: Bonjour, {agent} du service facturation.
C: J'ai changé de banque, voici mon nouveau RIB.
A: Je vous écoute.
C: L'IBAN est {iban}.
A: C'est noté. Le prélèvement de {amount} euros passera le cinq.
C: Très bien, envoyez-moi la confirmation à {email}.`,
		`A: {organisation}, service sinistres, {agent}.
C: Je vous appelle pour mon remboursement, dossier {claim}. J'ai été opérée du genou.
A: Votre numéro de sécurité sociale, s'il vous plaît ?
C: {nir}.
A: Et vous êtes née le ?
C: Le {birth}.
A: Votre dossier est complet : {amount} euros sous huit jours.`,
		`A: Assistance, {agent}, bonjour.
C: Je suis en panne, ma voiture est immatriculée {plate}.
A: Où êtes-vous ?
C: Au {street}. Mon téléphone est le {phone}.
A: Le dépanneur arrive dans quarante minutes.
C: Merci beaucoup.`,
		`A: Bonjour, vous êtes bien chez {organisation}.
C: On m'a débité deux fois. Je vous donne ma carte : {spoken}.
A: Je vois les deux opérations de {amount} euros.
C: Remboursez-moi, s'il vous plaît.
A: C'est fait, monsieur. Une confirmation part à {email}.`,
	},
}

var streets = map[string][]string{
	"en": {"12 Example Street, London", "4 Sample Lane, Leeds", "77 Specimen Road, Bristol"},
	"fr": {"12 rue de l'Exemple, 75000 Paris", "4 impasse du Modèle, 69000 Lyon", "77 avenue du Spécimen, 33000 Bordeaux"},
}

// details are what a call's lines are filled in with.
func details(random *rand.Rand, call *Call) map[string]string {
	birth := time.Date(1945+random.IntN(60), time.Month(1+random.IntN(12)), 1+random.IntN(28), 0, 0, 0, 0, time.UTC)
	layout, decimal := "2 January 2006", "."
	if call.Language == "fr" {
		layout, decimal = "02/01/2006", ","
	}
	letters := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("ABCDEFGHJKLMNPQRSTVWXYZ"[random.IntN(23)])
		}
		return b.String()
	}
	number := card(random)
	return map[string]string{
		"organisation": "Meridian Mutuelle",
		"agent":        call.Agent.Given,
		"customer":     call.Customer.ID,
		"name":         call.Customer.Given + " " + call.Customer.Family,
		"phone":        call.Customer.Phone,
		"email":        call.Customer.Email,
		"street":       pick(random, streets[call.Language]),
		"amount":       fmt.Sprintf("%d%s%02d", 12+random.IntN(400), decimal, random.IntN(100)),
		"card":         number,
		"spoken":       spoken(number, call.Language),
		"expiry":       fmt.Sprintf("%02d/%d", 1+random.IntN(12), 27+random.IntN(5)),
		"code":         fmt.Sprintf("%03d", random.IntN(1000)),
		"iban":         iban(random, call.Language),
		"nir":          socialSecurity(random, birth),
		"birth":        birth.Format(layout),
		"claim":        fmt.Sprintf("S-%07d", random.IntN(10_000_000)),
		"plate":        fmt.Sprintf("%s-%03d-%s", letters(2), random.IntN(1000), letters(2)),
		"otp":          fmt.Sprintf("%06d", random.IntN(1_000_000)),
		"password":     fmt.Sprintf("Tmp-%s-%04d", letters(4), random.IntN(10_000)),
	}
}

func fill(text string, values map[string]string) string {
	var pairs []string
	for name, value := range values {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// script writes the conversation of a call and sets it in time. Recordings are
// kept short (4 to 20 seconds), so everybody speaks some three times as fast as
// people do.
func script(random *rand.Rand, call *Call) ([]Line, time.Duration) {
	const pause, perLetter = 200 * time.Millisecond, 24 * time.Millisecond
	text := fill(pick(random, scripts[call.Language]), details(random, call))
	var lines []Line
	at := pause
	for turn := range strings.SplitSeq(text, "\n") {
		who, said, _ := strings.Cut(turn, ": ")
		lasts := max(perLetter*time.Duration(utf8.RuneCountInString(said)), 300*time.Millisecond)
		lines = append(lines, Line{Agent: who == "A", Text: said, Start: at, End: at + lasts})
		at += lasts + pause
	}
	if most := 20 * time.Second; at > most {
		for i := range lines {
			lines[i].Start = lines[i].Start * most / at
			lines[i].End = lines[i].End * most / at
		}
		at = most
	}
	at = max(at, 4*time.Second).Truncate(time.Millisecond)
	for i := range lines {
		lines[i].Start = lines[i].Start.Truncate(time.Millisecond)
		lines[i].End = lines[i].End.Truncate(time.Millisecond)
	}
	return lines, at
}
