package console

var providerWords = map[string]said{}
