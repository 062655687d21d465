self.offlinePage = '../offline.html';
importScripts('../service-worker.js', 'jupyterlite-service-worker.js');
