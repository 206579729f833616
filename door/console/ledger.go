package console

func ledgerSection() section {
	return section{name: "ledger"}
}

var ledgerWords = map[string]said{}
