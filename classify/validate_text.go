package classify

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

var textValidators = map[string]textValidator{
	"email":          email,
	"iban":           iban,
	"vat-france":     vatFrance,
	"nino":           nino,
	"license":        license,
	"passport":       passport,
	"url":            webAddress,
	"password":       password,
	"token":          opaqueToken,
	"private-key":    privateKey,
	"aws-key":        awsKey,
	"aws-secret":     awsSecret,
	"known-token":    knownToken,
	"jwt":            jsonWebToken,
	"name":           personName,
	"title":          titledName,
	"date-words":     dateInWords,
	"word":           func(t []byte, cue, _ int) (int, int) { return cue, wordEnd(t, cue) },
	"street-france":  streetFrance,
	"street-english": streetEnglish,
}

// wordEnd is where the word at i ends.
func wordEnd(t []byte, i int) int {
	for n := 0; n < maxSpan && wordAt(t, i); n++ {
		i++
	}
	return i
}

// take is where a run of bytes that fit ends, after at most so many.
func take(t []byte, i, most int, fits func(byte) bool) int {
	for n := 0; n < most && i < len(t) && fits(t[i]); n++ {
		i++
	}
	return i
}

func isLocal(b byte) bool {
	return isAlnum(b) || b == '.' || b == '_' || b == '%' || b == '+' || b == '-' || b == '\'' || b == '&' || b == '='
}

// email is an address around the sign at: a local part of at most 64 bytes, and a domain
// whose last label is of letters (RFC 5321, the forms in use).
func email(t []byte, _, at int) (int, int) {
	start := at
	for start > 0 && at-start < 64 && isLocal(t[start-1]) {
		start--
	}
	for start < at && !isAlnum(t[start]) && t[start] != '_' {
		start++
	}
	if start == at || t[at-1] == '.' || wordBefore(t, at) && kinds[t[at-1]] == letter && t[at-1] >= 0x80 {
		return 0, 0
	}
	end, last, labels := at+1, at+1, 0
	for end < len(t) && end-at <= 253 {
		label := take(t, end, 63, func(b byte) bool { return isAlnum(b) || b == '-' })
		if label == end || t[end] == '-' {
			break
		}
		labels, last, end = labels+1, end, label
		if end+1 >= len(t) || t[end] != '.' || !isAlnum(t[end+1]) {
			break
		}
		end++
	}
	if labels < 2 || end-last < 2 {
		return 0, 0
	}
	for _, b := range t[last:min(end, last+2)] {
		if !isLetter(b) {
			return 0, 0
		}
	}
	return start, end
}

// compact reads up to n letters and digits from i, in upper case, over single spaces
// and hyphens. It answers how many it read and where they end.
func compact(t []byte, i int, into []byte) (n, end int) {
	end = i
	for n < len(into) && i < len(t) {
		if isAlnum(t[i]) {
			into[n] = t[i]
			if !isDigit(t[i]) {
				into[n] &^= 0x20
			}
			n, i = n+1, i+1
			end = i
			continue
		}
		size := gapAt(t, i)
		if size == 0 && t[i] == '-' {
			size = 1
		}
		if size == 0 || t[i] == '\n' || t[i] == '\r' || i+size >= len(t) || !isAlnum(t[i+size]) {
			break
		}
		i += size
	}
	return n, end
}

// ibanLengths are the lengths by country (SWIFT IBAN registry).
var ibanLengths = map[[2]byte]int{
	{'A', 'D'}: 24, {'A', 'E'}: 23, {'A', 'L'}: 28, {'A', 'T'}: 20, {'A', 'Z'}: 28, {'B', 'A'}: 20, {'B', 'E'}: 16, {'B', 'G'}: 22, {'B', 'H'}: 22,
	{'B', 'I'}: 27, {'B', 'R'}: 29, {'B', 'Y'}: 28, {'C', 'H'}: 21, {'C', 'R'}: 22, {'C', 'Y'}: 28, {'C', 'Z'}: 24, {'D', 'E'}: 22, {'D', 'J'}: 27,
	{'D', 'K'}: 18, {'D', 'O'}: 28, {'E', 'E'}: 20, {'E', 'G'}: 29, {'E', 'S'}: 24, {'F', 'I'}: 18, {'F', 'K'}: 18, {'F', 'O'}: 18, {'F', 'R'}: 27,
	{'G', 'B'}: 22, {'G', 'E'}: 22, {'G', 'I'}: 23, {'G', 'L'}: 18, {'G', 'R'}: 27, {'G', 'T'}: 28, {'H', 'R'}: 21, {'H', 'U'}: 28, {'I', 'E'}: 22,
	{'I', 'L'}: 23, {'I', 'Q'}: 23, {'I', 'S'}: 26, {'I', 'T'}: 27, {'J', 'O'}: 30, {'K', 'W'}: 30, {'K', 'Z'}: 20, {'L', 'B'}: 28, {'L', 'C'}: 32,
	{'L', 'I'}: 21, {'L', 'T'}: 20, {'L', 'U'}: 20, {'L', 'V'}: 21, {'L', 'Y'}: 25, {'M', 'C'}: 27, {'M', 'D'}: 24, {'M', 'E'}: 22, {'M', 'K'}: 19,
	{'M', 'N'}: 20, {'M', 'R'}: 27, {'M', 'T'}: 31, {'M', 'U'}: 30, {'N', 'I'}: 28, {'N', 'L'}: 18, {'N', 'O'}: 15, {'O', 'M'}: 23, {'P', 'K'}: 24,
	{'P', 'L'}: 28, {'P', 'S'}: 29, {'P', 'T'}: 25, {'Q', 'A'}: 29, {'R', 'O'}: 24, {'R', 'S'}: 22, {'R', 'U'}: 33, {'S', 'A'}: 24, {'S', 'C'}: 31,
	{'S', 'D'}: 18, {'S', 'E'}: 24, {'S', 'I'}: 19, {'S', 'K'}: 24, {'S', 'M'}: 27, {'S', 'O'}: 23, {'S', 'T'}: 25, {'S', 'V'}: 28, {'T', 'L'}: 23,
	{'T', 'N'}: 24, {'T', 'R'}: 26, {'U', 'A'}: 29, {'V', 'A'}: 22, {'V', 'G'}: 24, {'X', 'K'}: 20,
}

// iban checks length and the rest of the division by 97 (ISO 13616).
func iban(t []byte, _, at int) (int, int) {
	if at+4 > len(t) || !isLetter(t[at+1]) {
		return 0, 0
	}
	length := ibanLengths[[2]byte{t[at] &^ 0x20, t[at+1] &^ 0x20}]
	if length == 0 {
		return 0, 0
	}
	var b [34]byte
	n, end := compact(t, at, b[:length])
	if n != length || wordAt(t, end) || !isDigit(b[2]) || !isDigit(b[3]) {
		return 0, 0
	}
	rest := uint64(0)
	for i := range length {
		c := b[(i+4)%length]
		if isDigit(c) {
			rest = (rest*10 + uint64(c-'0')) % 97
		} else {
			rest = (rest*100 + uint64(c-'A') + 10) % 97
		}
	}
	if rest != 1 {
		return 0, 0
	}
	return at, end
}

// vatFrance: FR, a key of two digits computed from the company's number, and that number.
func vatFrance(t []byte, _, at int) (int, int) {
	var b [13]byte
	n, end := compact(t, at, b[:])
	if n != 13 || wordAt(t, end) || b[0] != 'F' || b[1] != 'R' {
		return 0, 0
	}
	for _, c := range b[2:] {
		if !isDigit(c) {
			return 0, 0
		}
	}
	if !siren(b[4:]) || value(b[2:4]) != (12+3*(value(b[4:])%97))%97 {
		return 0, 0
	}
	return at, end
}

// nino: two letters, six digits, a letter from A to D, without the prefixes that are not
// given out (HMRC, NIM39110).
func nino(t []byte, _, at int) (int, int) {
	var b [9]byte
	n, end := compact(t, at, b[:])
	if n != 9 || wordAt(t, end) || !isUpper(t[at]) || b[8] < 'A' || b[8] > 'D' {
		return 0, 0
	}
	for _, c := range b[2:8] {
		if !isDigit(c) {
			return 0, 0
		}
	}
	if isDigit(b[1]) || bytes.IndexByte([]byte("DFIQUV"), b[0]) >= 0 || bytes.IndexByte([]byte("DFIOQUV"), b[1]) >= 0 {
		return 0, 0
	}
	for _, p := range []string{"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"} {
		if string(b[:2]) == p {
			return 0, 0
		}
	}
	return at, end
}

// license: one or two letters and five to fourteen digits.
func license(t []byte, _, at int) (int, int) {
	letters := take(t, at, 2, isUpper)
	end := take(t, letters, 14, isDigit)
	if letters == at || end-letters < 5 || wordAt(t, end) {
		return 0, 0
	}
	return at, end
}

// passport: one or two letters and six to eight digits; the French one, which begins with
// digits, goes by its keyword and the form after.
func passport(t []byte, _, at int) (int, int) {
	at = pastConnection(t, at)
	end := take(t, at, 10, isAlnum)
	digits := 0
	for _, b := range t[at:end] {
		if isDigit(b) {
			digits++
		} else if !isUpper(b) {
			return 0, 0
		}
	}
	if end-at < 7 || digits < 6 || wordAt(t, end) {
		return 0, 0
	}
	return at, end
}

func isURL(b byte) bool {
	return b > ' ' && b < 0x7F && b != '"' && b != '<' && b != '>' && b != '`' && b != '{' && b != '}' && b != '\\' && b != '^' && b != '|'
}

// webAddress: http://, https:// or www., and a host with a point in it.
func webAddress(t []byte, _, at int) (int, int) {
	i := at
	if at > 0 && bytes.IndexByte([]byte("/=&?%._-~#+@:"), t[at-1]) >= 0 { // within another
		return 0, 0
	}
	switch rest := t[at:]; {
	case hasPrefixFold(rest, "https://"):
		i += 8
	case hasPrefixFold(rest, "http://"):
		i += 7
	case hasPrefixFold(rest, "www."):
	default:
		return 0, 0
	}
	end := take(t, i, 1024, isURL)
	host := take(t, i, 253, func(b byte) bool { return isAlnum(b) || b == '.' || b == '-' || b == ':' || b == '@' })
	for end > i && bytes.IndexByte([]byte(".,;:!?)']"), t[end-1]) >= 0 {
		end--
	}
	if bytes.IndexByte(t[i:min(host, end)], '.') <= 0 {
		return 0, 0
	}
	return at, end
}

// hasPrefixFold compares with a prefix in lower case.
func hasPrefixFold(t []byte, prefix string) bool {
	if len(t) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if lower(t[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// pastConnection steps over what joins a cue to what it announces: up to eight spaces,
// colons, equals signs, quotes, and one small word.
func pastConnection(t []byte, i int) int {
	i = pastMarks(t, i)
	for _, word := range []string{"is", "est", "was", "number", "numero", "no", "n°", "le", "on", "the"} {
		if hasPrefixFold(t[i:], word) && !wordAt(t, i+len(word)) {
			return pastMarks(t, i+len(word))
		}
	}
	return i
}

func pastMarks(t []byte, i int) int {
	for range 8 {
		if i >= len(t) {
			return i
		}
		switch b := t[i]; b {
		case ':', '=', '"', '\'', '#', '(', '>':
			i++
		default:
			size := gapAt(t, i)
			if size == 0 {
				return i
			}
			i += size
		}
	}
	return i
}

// announced reports whether between a cue and a value there is something that says that
// the value is meant: a colon, an equals sign, is, est.
func announced(t []byte, from, to int) bool {
	between := t[from:to]
	if bytes.IndexByte(between, ':') >= 0 || bytes.IndexByte(between, '=') >= 0 {
		return true
	}
	between = bytes.TrimLeft(between, " \t\"'")
	return hasPrefixFold(between, "is") || hasPrefixFold(between, "est") || hasPrefixFold(between, "was")
}

func isSecret(b byte) bool {
	return b > ' ' && b < 0x7F && b != '"' && b != '\'' && b != '<' && b != '>' && b != ',' && b != ';' && b != '`'
}

// password: what is announced as one, from four to 128 bytes without a space.
func password(t []byte, _, at int) (int, int) {
	start := pastConnection(t, at)
	if !announced(t, at, start) {
		return 0, 0
	}
	end := take(t, start, 128, isSecret)
	for end > start && (t[end-1] == '.' || t[end-1] == ')' || t[end-1] == '!' && end-start <= 4) {
		end--
	}
	if end-start < 4 || plainWord(t[start:end]) {
		return 0, 0
	}
	return start, end
}

// plainWord is a word of small letters alone, such as follows "the password is" where none
// is given.
func plainWord(b []byte) bool {
	for _, c := range b {
		if c < 'a' || c > 'z' {
			return false
		}
	}
	return len(b) < 16
}

// opaqueToken: what is announced as one and looks like one: 16 to 512 characters, letters
// and digits mixed.
func opaqueToken(t []byte, _, at int) (int, int) {
	start := pastConnection(t, at)
	if hasPrefixFold(t[start:], "bearer ") {
		start += 7
	} else if !announced(t, at, start) {
		return 0, 0
	}
	end := take(t, start, 512, isToken)
	if end-start < 16 || !mixed(t[start:end]) {
		return 0, 0
	}
	return start, end
}

func isToken(b byte) bool {
	return isAlnum(b) || b == '_' || b == '-' || b == '.' || b == '/' || b == '+' || b == '='
}

func mixed(b []byte) bool {
	letters, digits := 0, 0
	for _, c := range b {
		if isDigit(c) {
			digits++
		} else if isLetter(c) {
			letters++
		}
	}
	return letters >= 4 && digits >= 2
}

// privateKey: a PEM block of a private key (RFC 7468), to its end, or as much of it as a
// find holds.
func privateKey(t []byte, _, at int) (int, int) {
	if at < 5 || string(t[at-5:at]) != "-----" || !bytes.HasPrefix(t[at:], []byte("BEGIN ")) {
		return 0, 0
	}
	head := t[at:min(len(t), at+64)]
	label := bytes.Index(head, []byte("-----"))
	if label < 0 || !bytes.HasSuffix(bytes.TrimSuffix(head[:label], []byte(" BLOCK")), []byte("PRIVATE KEY")) {
		return 0, 0
	}
	start := at - 5
	body := t[start:min(len(t), start+maxSpan)]
	end := bytes.Index(body, []byte("-----END "))
	if end < 0 {
		return start, start + len(body)
	}
	if tail := bytes.Index(body[end+9:], []byte("-----")); tail >= 0 {
		end += 9 + tail + 5
	} else {
		end = len(body)
	}
	return start, start + end
}

// awsKey: an access key's id: four letters that say its kind and sixteen of base 32.
func awsKey(t []byte, _, at int) (int, int) {
	end := take(t, at, 32, func(b byte) bool { return isUpper(b) || b >= '2' && b <= '7' })
	if end-at != 20 || wordAt(t, end) || t[at] != 'A' {
		return 0, 0
	}
	return at, end
}

// awsSecret: forty characters of base 64, announced.
func awsSecret(t []byte, _, at int) (int, int) {
	start := pastConnection(t, at)
	end := take(t, start, 64, func(b byte) bool { return isAlnum(b) || b == '/' || b == '+' })
	if end-start != 40 || !announced(t, at, start) || bytes.IndexFunc(t[start:end], unicode.IsLower) < 0 || bytes.IndexFunc(t[start:end], unicode.IsUpper) < 0 {
		return 0, 0
	}
	return start, end
}

// knownTokens are what tokens of well-known services begin with, and how many
// characters follow at least.
var knownTokens = []struct {
	prefix string
	rest   int
}{
	{"ghp_", 36}, {"gho_", 36}, {"ghu_", 36}, {"ghs_", 36}, {"ghr_", 36}, {"github_pat_", 60},
	{"glpat-", 20}, {"xoxb-", 20}, {"xoxp-", 20}, {"xoxa-", 20}, {"xoxr-", 20}, {"xoxs-", 20}, {"xapp-", 20},
	{"sk_live_", 20}, {"rk_live_", 20}, {"sk_test_", 20}, {"whsec_", 24}, {"AIza", 35}, {"npm_", 36}, {"pypi-", 60},
	{"SG.", 40}, {"hvs.", 24}, {"dop_v1_", 60}, {"shpat_", 32}, {"sk-", 40}, {"AGE-SECRET-KEY-1", 58},
}

// knownToken: what a well-known service's tokens look like.
func knownToken(t []byte, _, at int) (int, int) {
	for _, k := range knownTokens {
		if !bytes.HasPrefix(t[at:], []byte(k.prefix)) {
			continue
		}
		end := take(t, at+len(k.prefix), 256, func(b byte) bool { return isAlnum(b) || b == '_' || b == '-' || b == '.' })
		for end > at && t[end-1] == '.' {
			end--
		}
		if end-at-len(k.prefix) >= k.rest {
			return at, end
		}
	}
	return 0, 0
}

// jsonWebToken: three parts of base 64 with points between (RFC 7519), the first of
// which begins as {" does.
func jsonWebToken(t []byte, _, at int) (int, int) {
	if !bytes.HasPrefix(t[at:], []byte("eyJ")) {
		return 0, 0
	}
	part := func(i int) int {
		return take(t, i, 2500, func(b byte) bool { return isAlnum(b) || b == '_' || b == '-' })
	}
	end := part(at)
	for range 2 {
		if end >= len(t) || t[end] != '.' {
			return 0, 0
		}
		next := part(end + 1)
		if next-end < 8 {
			return 0, 0
		}
		end = next
	}
	return at, end
}

// particles are the small words within names.
var particles = map[string]bool{
	"de": true, "du": true, "des": true, "da": true, "di": true, "del": true, "della": true, "dos": true, "van": true, "von": true, "der": true, "den": true,
	"la": true, "le": true, "al": true, "el": true, "bin": true, "ben": true, "ibn": true, "y": true, "d'": true,
}

// notNames begin sentences after what may look like a cue.
var notNames = map[string]bool{
	"I": true, "The": true, "We": true, "You": true, "It": true, "This": true, "That": true, "A": true, "An": true, "My": true, "Your": true, "And": true, "But": true,
	"Je": true, "Le": true, "La": true, "Les": true, "Un": true, "Une": true, "Vous": true, "Nous": true, "Il": true, "Elle": true, "Mon": true, "Ma": true, "Et": true,
	"Sir": true, "Madam": true, "Madame": true, "Monsieur": true, "All": true, "Team": true, "Customer": true, "Please": true, "Thank": true, "Thanks": true, "What": true, "How": true,
	"Mr": true, "Mrs": true, "Ms": true, "Dr": true, "Mme": true, "Could": true, "Can": true, "Do": true, "Is": true, "In": true, "For": true, "To": true, "On": true, "At": true,
}

// nameWord is where a word of a name ends that begins at i with a capital, or i.
func nameWord(t []byte, i int) int {
	r, size := utf8.DecodeRune(t[i:])
	if !unicode.IsUpper(r) {
		return i
	}
	end := i + size
	for end < len(t) && end-i < 48 {
		r, size := utf8.DecodeRune(t[end:])
		switch {
		case unicode.IsLetter(r) || unicode.Is(unicode.Mn, r):
		case (r == '\'' || r == '’' || r == '-') && end+size < len(t):
			if next, _ := utf8.DecodeRune(t[end+size:]); !unicode.IsLetter(next) {
				return end
			}
		case r == '.' && end-i <= 2 && end+1 < len(t) && t[end+1] == ' ': // an initial
			return end + 1
		default:
			return end
		}
		end += size
	}
	return end
}

// personName: one to five words with capitals after a cue, particles between them.
func personName(t []byte, _, at int) (int, int) {
	i := pastMarks(t, at)
	if i == at { // a cue and a name are two words
		return 0, 0
	}
	for range 2 { // my name is Mr. …
		for _, title := range []string{"Mr.", "Mrs.", "Ms.", "Dr.", "M.", "Mme", "Monsieur", "Madame"} {
			if bytes.HasPrefix(t[i:], []byte(title)) && i+len(title) < len(t) && gapAt(t, i+len(title)) > 0 {
				i = pastMarks(t, i+len(title))
			}
		}
	}
	start, end := i, i
	for words := 0; words < 5 && i < len(t); {
		next := nameWord(t, i)
		switch {
		case next > i:
			if words == 0 && notNames[string(t[i:next])] {
				return 0, 0
			}
			words++
			end = next
		case words > 0:
			next = take(t, i, 6, func(b byte) bool { return b >= 'a' && b <= 'z' || b == '\'' })
			if !particles[string(t[i:next])] {
				return start, end
			}
		default:
			return 0, 0
		}
		size := gapAt(t, next)
		if size == 0 && next > i && next < len(t) && t[next-1] == '\'' {
			i = next
			continue
		}
		if size == 0 || next < len(t) && (t[next] == '\n' || t[next] == '\r') {
			return start, end
		}
		i = next + size
	}
	return start, end
}

// titledName: a name after a title, which is written with a capital: 5 m. is a length.
func titledName(t []byte, cue, at int) (int, int) {
	if !isUpper(t[cue]) {
		return 0, 0
	}
	if at < len(t) && t[at] == '.' {
		at++
	}
	return personName(t, cue, at)
}

var months = map[string]bool{
	"january": true, "february": true, "march": true, "april": true, "may": true, "june": true, "july": true, "august": true, "september": true, "october": true, "november": true, "december": true,
	"jan": true, "feb": true, "mar": true, "apr": true, "jun": true, "jul": true, "aug": true, "sep": true, "sept": true, "oct": true, "nov": true, "dec": true,
	"janvier": true, "fevrier": true, "mars": true, "avril": true, "mai": true, "juin": true, "juillet": true, "aout": true, "septembre": true, "octobre": true, "novembre": true, "decembre": true,
}

// month is where the name of a month at i ends, or i.
func month(t []byte, i int) int {
	var word [10]byte
	n, end := 0, i
	for n < len(word) && end < len(t) {
		b, size := foldAt(t, end)
		if !isLetter(b) {
			break
		}
		word[n] = b
		n, end = n+1, end+size
	}
	if !months[string(word[:n])] || wordAt(t, end) {
		return i
	}
	return end
}

// dateInWords: day, month and year after a cue, the month by its name, in either order:
// 3 mars 1980, 1er mai 1975, March 3rd, 1980.
func dateInWords(t []byte, _, at int) (int, int) {
	start := pastConnection(t, at)
	i := start
	day := func() bool {
		end := take(t, i, 3, isDigit)
		if end == i || end-i > 2 {
			return false
		}
		i = end
		for _, ending := range []string{"er", "st", "nd", "rd", "th"} {
			if hasPrefixFold(t[i:], ending) && !wordAt(t, i+len(ending)) {
				i += len(ending)
			}
		}
		return !wordAt(t, i)
	}
	past := func() {
		for range 3 {
			if i < len(t) && (t[i] == ',' || t[i] == '.') {
				i++
			}
			i += gapAt(t, i)
		}
		if hasPrefixFold(t[i:], "of ") {
			i += 3
		}
	}
	named := func() bool {
		end := month(t, i)
		ok := end > i
		i = end
		return ok
	}
	if i >= len(t) {
		return 0, 0
	}
	if isDigit(t[i]) {
		if !day() {
			return 0, 0
		}
		past()
		if i >= len(t) || !named() {
			return 0, 0
		}
	} else {
		if !named() {
			return 0, 0
		}
		past()
		if !day() {
			return 0, 0
		}
	}
	end := i
	past()
	if year := take(t, i, 5, isDigit); year-i == 4 {
		end = year
	}
	return start, end
}

// numberBefore is where a house number begins that stands before i, perhaps with bis or a
// letter between, or i.
func numberBefore(t []byte, i int) int {
	back := func(j int) int {
		for n := 0; n < 3 && j > 0 && (t[j-1] == ' ' || t[j-1] == ','); n++ {
			j--
		}
		return j
	}
	j := back(i)
	for _, affix := range []string{"bis", "ter", "quater", "a", "b", "c", "d"} {
		if k := j - len(affix); k > 0 && hasPrefixFold(t[k:j], affix) && !isLetter(t[k-1]) {
			j = back(k)
			break
		}
	}
	start := j
	for start > 0 && j-start < 5 && isDigit(t[start-1]) {
		start--
	}
	if start == j || wordBefore(t, start) || start > 0 && (t[start-1] == '.' || t[start-1] == '/') {
		return i
	}
	return start
}

// townAfter is the end of ", 75011 Paris" after i, or i.
func townAfter(t []byte, i int) int {
	j := i
	for n := 0; n < 4 && j < len(t) && (t[j] == ',' || gapAt(t, j) > 0); n++ {
		j += max(1, gapAt(t, j))
	}
	end := take(t, j, 6, isDigit)
	if end-j != 5 {
		return i
	}
	if size := gapAt(t, end); size > 0 && end+size < len(t) {
		if town := nameWord(t, end+size); town > end+size {
			return town
		}
	}
	return end
}

// streetFrance: 12 bis rue de la Paix, 75002 Paris. The keyword is the kind of way.
func streetFrance(t []byte, cue, at int) (int, int) {
	start := numberBefore(t, cue)
	if start == cue {
		return 0, 0
	}
	i, end := at, at
	for range 7 {
		size := gapAt(t, i)
		if size == 0 || t[i] == '\n' || i+size >= len(t) {
			break
		}
		next := nameWord(t, i+size)
		if next == i+size {
			next = take(t, i+size, 6, func(b byte) bool { return b >= 'a' && b <= 'z' || b == '\'' })
			if w := string(t[i+size : next]); !particles[w] && w != "l'" && w != "aux" && w != "au" && w != "et" {
				break
			}
			if next < len(t) && t[next-1] == '\'' {
				if after := nameWord(t, next); after > next {
					next, end = after, after
				}
			}
		} else {
			end = next
		}
		i = next
	}
	if end == at {
		return 0, 0
	}
	return start, townAfter(t, end)
}

// streetEnglish: 123 Main Street. The keyword is the kind of street, and before it stand
// one to four words with capitals, and a number.
func streetEnglish(t []byte, cue, at int) (int, int) {
	if !isUpper(t[cue]) {
		return 0, 0
	}
	i := cue
	for range 4 {
		j := i
		if j == 0 || t[j-1] != ' ' {
			return 0, 0
		}
		j--
		end := j
		for j > 0 && end-j < 32 && (isLetter(t[j-1]) || t[j-1] >= 0x80 || t[j-1] == '\'' || t[j-1] == '.') {
			j--
		}
		if j == end || !isUpper(t[j]) {
			return 0, 0
		}
		i = j
		if start := numberBefore(t, i); start < i && t[i-1] == ' ' && isDigit(t[i-2]) {
			if at < len(t) && t[at] == '.' {
				at++
			}
			return start, townAfter(t, at)
		}
	}
	return 0, 0
}
