package console

func playerSection() section {
	return section{name: "player"}
}

var playerWords = map[string]said{}
