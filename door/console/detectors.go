package console

import "regexp"

// finding is how a label's reason begins that a detector gave (classify).
var finding = regexp.MustCompile(`^found ([a-z0-9-]+) (?:once|\d+ times), `)

// detector says what a detector looks for, its id where that is not known here.
func detector(lang, id string) string {
	if key := "detector." + id; known(key) {
		return say(lang, key)
	}
	return id
}

// detectorWords say what each detector of classify looks for.
var detectorWords = map[string]said{
	"detector.card-number":            {"card number", "numéro de carte"},
	"detector.card-checksum":          {"number with a card’s check digit", "numéro avec la clé de contrôle d’une carte"},
	"detector.card-validation-code":   {"card security code", "cryptogramme de carte"},
	"detector.card-expiry":            {"card expiry date", "date d’expiration de carte"},
	"detector.iban":                   {"IBAN", "IBAN"},
	"detector.bank-account":           {"bank account number", "numéro de compte bancaire"},
	"detector.us-routing":             {"US bank routing number", "code bancaire américain (ABA)"},
	"detector.fr-nir":                 {"French social security number", "numéro de sécurité sociale"},
	"detector.fr-nir-without-key":     {"French social security number without its key", "numéro de sécurité sociale sans sa clé"},
	"detector.fr-siret":               {"SIRET number", "numéro SIRET"},
	"detector.fr-siren":               {"SIREN number", "numéro SIREN"},
	"detector.fr-vat":                 {"French VAT number", "numéro de TVA"},
	"detector.fr-tax-number":          {"French tax number", "numéro fiscal"},
	"detector.fr-identity-card":       {"French identity card number", "numéro de carte d’identité"},
	"detector.passport":               {"passport number", "numéro de passeport"},
	"detector.us-ssn":                 {"US social security number", "numéro de sécurité sociale américain"},
	"detector.us-ssn-plain":           {"US social security number without hyphens", "numéro de sécurité sociale américain sans tirets"},
	"detector.uk-nino":                {"UK national insurance number", "numéro d’assurance nationale britannique"},
	"detector.driving-license":        {"driving licence number", "numéro de permis de conduire"},
	"detector.driving-license-digits": {"driving licence number of digits", "numéro de permis de conduire en chiffres"},
	"detector.birth-date":             {"date of birth", "date de naissance"},
	"detector.birth-date-in-words":    {"date of birth in words", "date de naissance en toutes lettres"},
	"detector.name-introduced":        {"name, as somebody introduces themselves", "nom, tel que la personne se présente"},
	"detector.name-titled":            {"name after a title", "nom après une civilité"},
	"detector.email":                  {"e-mail address", "adresse électronique"},
	"detector.fr-phone":               {"French telephone number", "numéro de téléphone français"},
	"detector.fr-phone-plain":         {"French telephone number without spaces", "numéro de téléphone français sans espaces"},
	"detector.phone-international":    {"international telephone number", "numéro de téléphone international"},
	"detector.us-phone":               {"US telephone number", "numéro de téléphone américain"},
	"detector.phone-announced":        {"telephone number, as it is announced", "numéro de téléphone annoncé"},
	"detector.ip-address":             {"IP address", "adresse IP"},
	"detector.web-address":            {"web address", "adresse web"},
	"detector.fr-street-address":      {"French postal address", "adresse postale française"},
	"detector.street-address":         {"postal address", "adresse postale"},
	"detector.health-term":            {"word of health", "terme de santé"},
	"detector.private-key":            {"private key", "clé privée"},
	"detector.aws-access-key":         {"AWS access key", "clé d’accès AWS"},
	"detector.aws-secret-key":         {"AWS secret key", "clé secrète AWS"},
	"detector.service-token":          {"token of a service", "jeton d’un service"},
	"detector.json-web-token":         {"JSON web token", "jeton JSON (JWT)"},
	"detector.password":               {"password", "mot de passe"},
	"detector.secret-announced":       {"secret, as it is announced", "secret annoncé"},
}
