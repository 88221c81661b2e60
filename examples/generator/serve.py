"""Serve the generator beside this file: python serve.py. The settings come from LIVEHEAD_… in the environment."""

from livehead.app import create_app
from livehead.engine.base import EngineSpec
from livehead.engine.choice import Choice
from livehead.settings import load
from livehead.transport.listening import listen
from livehead.transport.server import Server

if __name__ == "__main__":
    settings = load({})
    engine = EngineSpec("glow:Glow", {"size": settings.engine.size})
    app = create_app(settings, Choice("glow", None, engine, "examples/generator/serve.py"))
    sockets = [listen(settings.server.host, settings.server.port)]
    Server(app, settings, app.state.services.metrics).run(sockets=sockets)
