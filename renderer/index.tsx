document.title = "Valetkey"; export {}
