package synth

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"strongroom"
)

var (
	englishGiven  = []string{"Alice", "Amelia", "Daniel", "Emma", "George", "Grace", "Harry", "Jack", "James", "Lucy", "Oliver", "Owen", "Ruby", "Sophie", "Thomas", "William"}
	englishFamily = []string{"Bailey", "Brown", "Carter", "Clarke", "Cooper", "Evans", "Green", "Harris", "Hughes", "Jones", "Parker", "Taylor", "Turner", "Walker", "Ward", "Wright"}
	frenchGiven   = []string{"Adèle", "Antoine", "Camille", "Chloé", "Élise", "Hugo", "Inès", "Julien", "Léa", "Lucas", "Manon", "Mathis", "Nicolas", "Océane", "Théo", "Zoé"}
	frenchFamily  = []string{"Bernard", "Bonnet", "Dubois", "Durand", "Fournier", "Garnier", "Girard", "Lambert", "Lefèvre", "Marchand", "Martin", "Moreau", "Petit", "Rousseau", "Roux", "Simon"}

	// Test numbers that card schemes and payment processors publish; no issuer gives them out.
	testCards = []string{
		"4111111111111111", "4012888888881881", "4242424242424242", "4000000000000077", "4000002500000003",
		"5555555555554444", "5105105105105100", "2223003122003222", "378282246310005", "6011111111111117",
	}
	// Examples from the IBAN registry and national documentation.
	exampleIBANs = map[string][]string{
		"en": {"GB29NWBK60161331926819", "GB82WEST12345698765432", "IE29AIBK93115212345678", "DE89370400440532013000"},
		"fr": {"FR1420041010050500013M02606", "FR7630006000011234567890189", "BE68539007547034", "LU280019400644750000"},
	}
)

// accents maps the accented letters of the name lists to plain ones, for names
// of principals and mail addresses.
var accents = strings.NewReplacer("à", "a", "â", "a", "ç", "c", "è", "e", "é", "e", "ê", "e", "É", "E", "ï", "i", "ô", "o", "î", "i", "ù", "u", "û", "u")

func plain(s string) string { return accents.Replace(s) }

func identifier(random *rand.Rand) strongroom.ID {
	var id strongroom.ID
	binary.BigEndian.PutUint64(id[:8], random.Uint64())
	binary.BigEndian.PutUint64(id[8:], random.Uint64())
	return id
}

// uuid is a version 4 UUID.
func uuid(random *rand.Rand) string {
	id := identifier(random)
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// phone is within what Ofcom (020 7946 0xxx, 07700 900xxx) and Arcep
// (01 99 00 xx xx, 06 39 98 xx xx) keep for fiction.
func phone(random *rand.Rand, language string) string {
	n := random.IntN(10000)
	switch {
	case language == "fr" && n%2 == 0:
		return fmt.Sprintf("01 99 00 %02d %02d", n/100, n%100)
	case language == "fr":
		return fmt.Sprintf("06 39 98 %02d %02d", n/100, n%100)
	case n%2 == 0:
		return fmt.Sprintf("020 7946 0%03d", n%1000)
	default:
		return fmt.Sprintf("07700 900%03d", n%1000)
	}
}

// socialSecurity is a French NIR with its key, of somebody born in a commune
// numbered 990 or above, which no department has.
func socialSecurity(random *rand.Rand, birth time.Time) string {
	n := fmt.Sprintf("%d%s%02d%03d%03d",
		1+random.IntN(2), birth.Format("0601"), 21+random.IntN(70), 991+random.IntN(9), 1+random.IntN(999))
	number, _ := strconv.ParseInt(n, 10, 64) // thirteen digits made above
	key := 97 - number%97
	return fmt.Sprintf("%s %s %s %s %s %s %02d", n[:1], n[1:3], n[3:5], n[5:7], n[7:10], n[10:], key)
}

// card is a test number as people write it: in groups, with dashes, or in one.
func card(random *rand.Rand) string {
	n := pick(random, testCards)
	separator := pick(random, []string{" ", " ", "-", ""})
	if len(n) == 15 {
		return n[:4] + separator + n[4:10] + separator + n[10:]
	}
	return strings.Join([]string{n[:4], n[4:8], n[8:12], n[12:]}, separator)
}

// iban is a documentation example, mostly in groups of four.
func iban(random *rand.Rand, language string) string {
	n := pick(random, exampleIBANs[language])
	if random.IntN(3) == 0 {
		return n
	}
	var groups []string
	for len(n) > 4 {
		groups, n = append(groups, n[:4]), n[4:]
	}
	return strings.Join(append(groups, n), " ")
}

var digitWords = map[string][]string{
	"en": {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"},
	"fr": {"zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"},
}

// spoken is a number read out digit by digit, as speech recognition writes it down.
func spoken(number, language string) string {
	var words []string
	for _, c := range number {
		if c >= '0' && c <= '9' {
			words = append(words, digitWords[language][c-'0'])
		}
	}
	return strings.Join(words, " ")
}
