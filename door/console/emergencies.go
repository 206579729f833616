package console

func emergencySection() section {
	return section{name: "emergencies"}
}

var emergencyWords = map[string]said{}
