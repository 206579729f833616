package classify

// numberValidator reports whether a number is what a row looks for.
type numberValidator func(*number) bool

// textValidator answers the find that goes with a place in the text, or an end that is not
// behind its start. For the form token at is where the word begins; for at, where the sign
// is; for prefix, where the keyword begins; for after, where it ends. Cue is where the
// keyword begins.
type textValidator func(t []byte, cue, at int) (start, end int)

var numberValidators = map[string]numberValidator{
	"card": func(d *number) bool { return !d.corsican && luhn(d.digits[:d.n]) && cardRange(d) && cardGroups(d) },
	"card-checksum": func(d *number) bool {
		return !d.corsican && d.digits[0] != '0' && luhn(d.digits[:d.n]) && cardGroups(d) && !same(d)
	},
	"nir":             nir,
	"nir-without-key": func(d *number) bool { return nirBody(d) },
	"siren": func(d *number) bool {
		return (d.g == 1 || d.form(3, 3, 3)) && !d.plus && siren(d.digits[:9]) && !same(d)
	},
	"siret":          siret,
	"phone-french":   func(d *number) bool { return frenchPhone(d) && d.g > 1 },
	"phone-plain":    func(d *number) bool { return frenchPhone(d) && d.g == 1 && !d.plus },
	"phone-plus":     phonePlus,
	"phone-american": phoneAmerican,
	"phone":          func(d *number) bool { return phoneGroups(d) && !isYear(d) },
	"ssn":            func(d *number) bool { return d.form(3, 2, 4) && d.even() && d.gaps[0] != '.' && socialSecurity(d) },
	"ssn-plain":      func(d *number) bool { return d.g == 1 && socialSecurity(d) },
	"ip":             ipAddress,
	"date":           numericDate,
	"code":           func(d *number) bool { return d.g == 1 && !d.plus },
	"expiry":         expiry,
	"routing":        routing,
	"number":         func(d *number) bool { return grouped(d) && !d.plus },
	"tax-france":     func(d *number) bool { return grouped(d) && d.digits[0] <= '3' },
}

// luhn checks a number's last digit (ISO/IEC 7812-1, annex B).
func luhn(digits []byte) bool {
	sum := 0
	for i := range digits {
		n := int(digits[len(digits)-1-i] - '0')
		if n > 9 {
			return false
		}
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// value is the number that the first n digits are.
func value(digits []byte) (v uint64) {
	for _, b := range digits {
		v = v*10 + uint64(b-'0')
	}
	return v
}

// same reports whether all digits are the same.
func same(d *number) bool {
	for _, b := range d.digits[:d.n] {
		if b != d.digits[0] {
			return false
		}
	}
	return true
}

func slashed(d *number) bool {
	for _, gap := range d.gaps[:max(0, d.g-1)] {
		if gap == '/' {
			return true
		}
	}
	return false
}

// cardRanges are the numbers that issuers' ranges begin with, as six digits, and the
// lengths that go with them (ISO/IEC 7812; the networks' published ranges).
var cardRanges = []struct {
	from, to uint64
	lengths  []int
}{
	{400000, 499999, []int{13, 16, 19}},         // Visa
	{510000, 559999, []int{16}},                 // Mastercard
	{222100, 272099, []int{16}},                 // Mastercard
	{340000, 349999, []int{15}},                 // American Express
	{370000, 379999, []int{15}},                 // American Express
	{300000, 305999, []int{14, 16}},             // Diners Club
	{309500, 309599, []int{14, 16}},             // Diners Club
	{360000, 369999, []int{14, 16, 19}},         // Diners Club
	{380000, 399999, []int{14, 16, 19}},         // Diners Club
	{601100, 601199, []int{16, 19}},             // Discover
	{644000, 659999, []int{16, 19}},             // Discover, RuPay
	{622126, 622925, []int{16, 17, 18, 19}},     // UnionPay with Discover
	{620000, 629999, []int{16, 17, 18, 19}},     // UnionPay
	{810000, 819999, []int{16, 17, 18, 19}},     // UnionPay
	{352800, 358999, []int{16, 17, 18, 19}},     // JCB
	{180000, 180099, []int{15}},                 // JCB, old
	{213100, 213199, []int{15}},                 // JCB, old
	{220000, 220499, []int{16, 17, 18, 19}},     // Mir
	{500000, 509999, []int{12, 13, 15, 16, 19}}, // Maestro, Elo
	{560000, 589999, []int{12, 13, 15, 16, 19}}, // Maestro
	{630000, 639999, []int{12, 13, 15, 16, 19}}, // Maestro
	{670000, 679999, []int{12, 13, 15, 16, 19}}, // Maestro
}

func cardRange(d *number) bool {
	first := value(d.digits[:6])
	for _, r := range cardRanges {
		if first < r.from || first > r.to {
			continue
		}
		for _, l := range r.lengths {
			if l == d.n {
				return true
			}
		}
	}
	return false
}

// cardGroups reports whether a number is grouped as cards are: in one piece or by at least
// three digits, the last group perhaps shorter, and by one separator.
func cardGroups(d *number) bool {
	if d.plus || d.g > 6 || !d.even() {
		return false
	}
	for i, n := range d.groups[:d.g] {
		if n < 3 && i < d.g-1 {
			return false
		}
		if d.gaps[i] == '/' && i < d.g-1 {
			return false
		}
	}
	return true
}

// nirBody checks the first 13 characters of a French social security number: sex, year,
// month, department. Months above 12 stand for those that are not known.
func nirBody(d *number) bool {
	if d.plus || d.g > 8 || slashed(d) {
		return false
	}
	if s := d.digits[0]; s != '1' && s != '2' && s != '3' && s != '4' && s != '7' && s != '8' {
		return false
	}
	month := value(d.digits[3:5])
	if !(month >= 1 && month <= 12 || month >= 20 && month <= 42 || month >= 50 && month <= 99) {
		return false
	}
	if d.corsican {
		return true
	}
	department := value(d.digits[5:7])
	return department >= 1 && department <= 99
}

// nir checks the two digits of the key as well: 97 less the rest of the division by 97, in
// which Corsica's 2A counts as 19 and 2B as 18.
func nir(d *number) bool {
	if !nirBody(d) {
		return false
	}
	body := d.digits
	switch body[6] {
	case 'A':
		body[5], body[6] = '1', '9'
	case 'B':
		body[5], body[6] = '1', '8'
	}
	return value(body[13:15]) == 97-value(body[:13])%97
}

// siren checks a French company's number: nine digits by Luhn.
func siren(digits []byte) bool { return luhn(digits) && value(digits) != 0 }

// grouped reports whether a number is in at most six groups of at least two digits.
func grouped(d *number) bool {
	for _, n := range d.groups[:d.g] {
		if n < 2 {
			return false
		}
	}
	return d.g <= 6 && !d.corsican && !slashed(d)
}

// siret checks an establishment's number: 14 digits by Luhn, or for La Poste, whose
// establishments are too many for it, a sum of digits that five divides.
func siret(d *number) bool {
	if d.plus || d.g > 1 && !d.form(3, 3, 3, 5) && !d.form(9, 5) || d.corsican || same(d) || !siren(d.digits[:9]) {
		return false
	}
	if luhn(d.digits[:14]) {
		return true
	}
	sum := 0
	for _, b := range d.digits[:14] {
		sum += int(b - '0')
	}
	return value(d.digits[:9]) == 356000000 && sum%5 == 0
}

// frenchPhone: ten digits from 0, or 33 and nine, with or without the 0 in brackets.
func frenchPhone(d *number) bool {
	digits := d.digits[:d.n]
	if d.corsican || slashed(d) {
		return false
	}
	switch {
	case d.n >= 11 && d.plus && digits[0] == '3' && digits[1] == '3':
		digits = digits[2:]
	case d.n >= 13 && digits[0] == '0' && digits[1] == '0' && digits[2] == '3' && digits[3] == '3':
		digits = digits[4:]
	case d.n == 10 && !d.plus:
		if d.g > 1 && !d.form(2, 2, 2, 2, 2) && !d.form(4, 2, 2, 2) && !d.form(4, 3, 3) && !d.form(1, 3, 3, 3) && !d.form(2, 4, 4) {
			return false
		}
		return digits[0] == '0' && digits[1] != '0'
	default:
		return false
	}
	if len(digits) == 10 && digits[0] == '0' {
		digits = digits[1:]
	}
	return len(digits) == 9 && digits[0] != '0'
}

// callingCodes are the codes of countries of one, two and three digits (ITU-T E.164,
// list of assigned codes), those of one and two as their first digits.
var callingCodes = func() (c [1000]bool) {
	begin := func(from, to int) {
		for i := from; i <= to; i++ {
			c[i] = true
		}
	}
	for _, n := range []int{1, 7} {
		begin(n*100, n*100+99)
	}
	for _, n := range []int{20, 27, 30, 31, 32, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48, 49, 51, 52, 53, 54, 55, 56, 57, 58,
		60, 61, 62, 63, 64, 65, 66, 81, 82, 84, 86, 90, 91, 92, 93, 94, 95, 98} {
		begin(n*10, n*10+9)
	}
	for _, r := range [][2]int{{211, 213}, {216, 216}, {218, 218}, {220, 269}, {290, 291}, {297, 299}, {350, 359}, {370, 389}, {420, 421}, {423, 423},
		{500, 509}, {590, 599}, {670, 670}, {672, 692}, {850, 850}, {852, 853}, {855, 856}, {880, 880}, {886, 886}, {960, 968}, {970, 977}, {992, 996}, {998, 998}} {
		begin(r[0], r[1])
	}
	return c
}()

func phonePlus(d *number) bool {
	digits := d.digits[:d.n]
	if d.corsican || slashed(d) {
		return false
	}
	if !d.plus {
		if d.n < 11 || digits[0] != '0' || digits[1] != '0' {
			return false
		}
		digits = digits[2:]
	}
	return len(digits) <= 15 && callingCodes[value(digits[:3])]
}

// phoneAmerican: three, three and four digits, perhaps after a 1; area and exchange
// begin with 2 to 9 (North American Numbering Plan).
func phoneAmerican(d *number) bool {
	digits := d.digits[:d.n]
	if d.corsican || slashed(d) {
		return false
	}
	switch {
	case d.form(3, 3, 4):
	case d.form(1, 3, 3, 4) && digits[0] == '1':
		digits = digits[1:]
	default:
		return false
	}
	return digits[0] >= '2' && digits[3] >= '2'
}

// phoneGroups reports whether a number is grouped as telephone numbers are, of any country.
func phoneGroups(d *number) bool {
	for i, n := range d.groups[:d.g] {
		if n < 2 && i > 0 {
			return false
		}
	}
	return d.g <= 6 && !d.corsican && !slashed(d)
}

// isYear keeps numbers that are dates out of the telephone numbers.
func isYear(d *number) bool {
	return d.form(4, 2, 2) && (d.digits[0] == '1' && d.digits[1] == '9' || d.digits[0] == '2' && d.digits[1] == '0') || d.form(2, 2, 4) && !d.plus && d.digits[0] <= '3'
}

// socialSecurity: no area 000, 666 or 9…, no group 00, no serial 0000 (US SSA).
func socialSecurity(d *number) bool {
	area := value(d.digits[:3])
	return !d.corsican && !d.plus && area != 0 && area != 666 && area < 900 && value(d.digits[3:5]) != 0 && value(d.digits[5:9]) != 0
}

// ipAddress: four groups up to 255 with points between them, and not a part of a longer
// row of them such as a version.
func ipAddress(d *number) bool {
	if d.g != 4 || d.plus || d.end-d.start != d.n+3 {
		return false
	}
	at := 0
	for i, n := range d.groups[:4] {
		if n > 3 || n > 1 && d.digits[at] == '0' || value(d.digits[at:at+int(n)]) > 255 || i < 3 && d.gaps[i] != '.' {
			return false
		}
		at += int(n)
	}
	return d.digits[0] != '0' || d.n > 4
}

// numericDate: day, month and year in any order that has the year at an end.
func numericDate(d *number) bool {
	if d.g != 3 || d.plus || d.corsican || !d.even() || d.gaps[0] == '(' || d.gaps[0] == ')' || d.end-d.start != d.n+2 {
		return false
	}
	var part [3]uint64
	at := 0
	for i, n := range d.groups[:3] {
		if n > 4 || n == 3 {
			return false
		}
		part[i] = value(d.digits[at : at+int(n)])
		at += int(n)
	}
	switch {
	case d.groups[0] == 4 && d.groups[1] <= 2 && d.groups[2] <= 2:
		return part[0] >= 1850 && part[0] <= 2100 && part[1] >= 1 && part[1] <= 12 && part[2] >= 1 && part[2] <= 31
	case d.groups[0] <= 2 && d.groups[1] <= 2 && d.groups[2] != 1:
		if d.groups[2] == 4 && (part[2] < 1850 || part[2] > 2100) {
			return false
		}
		return part[0] >= 1 && part[1] >= 1 && (part[0] <= 31 && part[1] <= 12 || part[0] <= 12 && part[1] <= 31)
	}
	return false
}

// expiry: a month and a year of two or four digits, with a slash or hyphen between.
func expiry(d *number) bool {
	if d.g != 2 || d.plus || d.corsican || d.gaps[0] != '/' && d.gaps[0] != '-' || d.groups[0] > 2 || d.groups[1] != 2 && d.groups[1] != 4 {
		return false
	}
	month := value(d.digits[:d.groups[0]])
	return month >= 1 && month <= 12 && (d.groups[1] == 2 || d.digits[d.groups[0]] == '2')
}

// routing checks an American bank's nine digits, weighted by 3, 7 and 1 (ABA).
func routing(d *number) bool {
	if d.g != 1 || d.plus || d.corsican {
		return false
	}
	sum := 0
	for i, b := range d.digits[:9] {
		sum += int(b-'0') * [3]int{3, 7, 1}[i%3]
	}
	return sum%10 == 0 && sum != 0
}
