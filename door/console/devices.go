package console

func deviceSection() section {
	return section{name: "devices"}
}

var deviceWords = map[string]said{}
